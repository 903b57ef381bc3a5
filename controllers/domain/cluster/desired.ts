import { roleBindingKind, roleKind } from '#schemas/meta/builtin.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { agentAccountOf, LABELS, MANAGED_BY, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { certificateKind } from '#schemas/v1alpha1/certificate.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { retainedDataOf } from '#controllers/kept-data.ts';
import type { DomainClusterInputs } from './inputs.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** Names to claim → their tenant. A name that is refused is not held: whoever may have it must find it free. */
export function desiredClaims(inputs: DomainClusterInputs): ReadonlyMap<string, string> {
  return new Map(inputs.names.filter((name) => name.state !== 'Refused').map((name) => [name.hostname, inputs.tenant]));
}

/** Lets the agent of the tenant's host, and of the one that it moves to, read the very Secrets that the Domain refers to, and no others. */
export function desiredRights(domain: Domain, inputs: DomainClusterInputs): readonly KubeObject[] {
  const { host, nextHost, moving } = inputs.place;
  const readers = [host, moving === undefined ? undefined : nextHost].filter((name) => name !== undefined);
  if (inputs.secrets.length === 0 || readers.length === 0) return [];
  const metadata = { ...childMetadata(domain, inputs.tenant), name: `wcp360-domain-${domain.metadata.name}` };
  const rules = [
    { apiGroups: [''], resources: ['secrets'], resourceNames: inputs.secrets.map(({ name }) => name), verbs: ['get'] },
  ];
  const subjects = readers
    .toSorted()
    .map((name) => ({ kind: 'ServiceAccount', name: agentAccountOf(name), namespace: SYSTEM_NAMESPACE }));
  return [
    { apiVersion: apiVersionOf(roleKind), kind: roleKind.kind, metadata, rules },
    {
      apiVersion: apiVersionOf(roleBindingKind),
      kind: roleBindingKind.kind,
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'Role', name: metadata.name },
      subjects,
    },
  ];
}

/** The Certificate of a Domain that has none of its own. */
export function desiredCertificate(domain: Domain, { tls, tenant }: DomainClusterInputs): readonly KubeObject[] {
  if (tls?.order === undefined) return [];
  const { name } = domain.metadata;
  return [
    {
      apiVersion: apiVersionOf(certificateKind),
      kind: certificateKind.kind,
      metadata: { ...childMetadata(domain, tenant), name },
      spec: { ...tls.order, secretName: tls.secretName },
    },
  ];
}

/** What tells of the files that a Domain leaves on hosts, once the agents there may look after it. */
export function desiredKept(domain: Domain, { keepings }: DomainClusterInputs): readonly KubeObject[] {
  return keepings.filter(({ isGranted }) => isGranted).map((keeping) => retainedDataOf(domain, keeping));
}

function childMetadata(domain: Domain, tenant: string): Omit<KubeObject['metadata'], 'name'> {
  const { name, uid } = domain.metadata;
  return {
    namespace: tenant,
    labels: { [LABELS.tenant]: tenant, [LABELS.managedBy]: MANAGED_BY },
    ...(uid === undefined
      ? {}
      : {
          ownerReferences: [
            { apiVersion: apiVersionOf(domainKind), kind: domainKind.kind, name, uid, controller: true },
          ],
        }),
  };
}
