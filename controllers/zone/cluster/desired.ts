import { roleBindingKind, roleKind } from '#schemas/meta/builtin.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { agentAccountOf, LABELS, MANAGED_BY, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import type { ZoneClusterInputs } from './inputs.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** The name to claim → its tenant. A name that is refused is not held: whoever may have it must find it free. */
export function desiredClaim({ name, tenant }: ZoneClusterInputs): ReadonlyMap<string, string> {
  return new Map(name.state === 'Refused' ? [] : [[name.hostname, tenant]]);
}

/** Lets the agent of the tenant's host read the very Secrets with the zone's keys, and no others. */
export function desiredRights(zone: Zone, inputs: ZoneClusterInputs): readonly KubeObject[] {
  const { host } = inputs.place;
  const tsigSecret = zone.spec.transfer?.tsigSecretRef?.name;
  const secrets = [
    ...inputs.keys.map(({ secretName }) => secretName),
    ...(tsigSecret === undefined ? [] : [tsigSecret]),
  ];
  if (host === undefined || secrets.length === 0) return [];
  const { name, uid } = zone.metadata;
  const owner = { apiVersion: apiVersionOf(zoneKind), kind: zoneKind.kind, name, uid: uid ?? '', controller: true };
  const metadata = {
    name: `wcp360-zone-${name}`,
    namespace: inputs.tenant,
    labels: { [LABELS.tenant]: inputs.tenant, [LABELS.managedBy]: MANAGED_BY },
    ...(uid === undefined ? {} : { ownerReferences: [owner] }),
  };
  return [
    {
      apiVersion: apiVersionOf(roleKind),
      kind: roleKind.kind,
      metadata,
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: secrets, verbs: ['get'] }],
    },
    {
      apiVersion: apiVersionOf(roleBindingKind),
      kind: roleBindingKind.kind,
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: agentAccountOf(host), namespace: SYSTEM_NAMESPACE }],
    },
  ];
}
