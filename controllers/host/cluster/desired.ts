import {
  clusterRoleBindingKind,
  clusterRoleKind,
  leaseKind,
  namespaceKind,
  roleBindingKind,
  roleKind,
} from '#schemas/meta/builtin.ts';
import { agentAccountOf, GROUP, hostLeaseOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { STREAMS } from '#schemas/meta/streams.ts';
import type { Host } from '#schemas/v1alpha1/host.ts';
import { hostRoleOf, type HostCharges } from '#controllers/host-rights.ts';
import { hostSecretsObjects } from '#controllers/host-secrets.ts';
import { managedObject } from '#controllers/managed-object.ts';

const RBAC = 'rbac.authorization.k8s.io';
/** Roles of manifests/rbac with what every agent may do, by the namespace that they hold in. */
const AGENT_ROLE = 'wcp360-agent';
/** Events of objects without a namespace are told there (Kubernetes convention). */
const EVENTS_NAMESPACE = 'default';

/** The kinds of what stands in the API for a host. */
export const HOST_CHILD_KINDS = [
  namespaceKind,
  leaseKind,
  roleKind,
  clusterRoleKind,
  roleBindingKind,
  clusterRoleBindingKind,
] as const;

/** The Lease that the agent renews, its Secrets, and its rights: what every agent has, and what is this one's own. */
export function desiredChildren(host: Host, charges: HostCharges): readonly KubeObject[] {
  if (host.spec.lost) return [];
  const { name } = host.metadata;
  const own = hostRoleOf(name);
  const shared = `${AGENT_ROLE}:${name}`;
  const toAgent = { subjects: [{ kind: 'ServiceAccount', name: agentAccountOf(name), namespace: SYSTEM_NAMESPACE }] };
  return [
    ...hostSecretsObjects(name),
    managedObject(leaseKind, { name: hostLeaseOf(name), namespace: SYSTEM_NAMESPACE }, {}),
    managedObject(
      roleKind,
      { name: own, namespace: SYSTEM_NAMESPACE },
      { rules: [...leaseRules(name), ...panelRules(host)] },
    ),
    managedObject(clusterRoleKind, { name: own }, { rules: ownRules(name, charges) }),
    managedObject(
      roleBindingKind,
      { name: own, namespace: SYSTEM_NAMESPACE },
      { ...toAgent, roleRef: refTo('Role', own) },
    ),
    managedObject(clusterRoleBindingKind, { name: own }, { ...toAgent, roleRef: refTo('ClusterRole', own) }),
    ...[SYSTEM_NAMESPACE, EVENTS_NAMESPACE].map((namespace) =>
      managedObject(roleBindingKind, { name: shared, namespace }, { ...toAgent, roleRef: refTo('Role', AGENT_ROLE) }),
    ),
    // The last one: whoever may read all has everything else by now.
    managedObject(clusterRoleBindingKind, { name: shared }, { ...toAgent, roleRef: refTo('ClusterRole', AGENT_ROLE) }),
  ];
}

function leaseRules(host: string): readonly object[] {
  const resourceNames = [hostLeaseOf(host)];
  return [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames, verbs: ['get', 'update'] }];
}

/** The certificate of its panel, and what is to be shown to a CA for it. */
function panelRules({ spec: { panel } }: Host): readonly object[] {
  if (panel === undefined) return [];
  return [
    { apiGroups: [''], resources: ['secrets'], resourceNames: [panel.tls.secretRef.name], verbs: ['get'] },
    { apiGroups: [GROUP], resources: ['challenges', 'challenges/status'], verbs: ['patch'] },
  ];
}

/** One kind of object a rule, so that a name never counts for a kind that it was not meant for. */
function ownRules(host: string, { tenants, retaineddata }: HostCharges): readonly object[] {
  return [
    ...rulesFor('hosts', [host], ['get']),
    ...rulesFor('tenants', tenants, ['patch']),
    ...rulesFor('retaineddata', retaineddata, ['patch', 'delete']),
    // Whoever is taken for a host's agent sees what is typed into its shells.
    { apiGroups: [STREAMS.group], resources: ['hosts/attach'], resourceNames: [host], verbs: ['create'] },
  ];
}

/** The object itself and its status. Without a name there is no rule: an empty list would name all. */
function rulesFor(plural: string, resourceNames: readonly string[], verbs: readonly string[]): readonly object[] {
  if (resourceNames.length === 0) return [];
  return [
    { apiGroups: [GROUP], resources: [plural], resourceNames, verbs },
    { apiGroups: [GROUP], resources: [`${plural}/status`], resourceNames, verbs: ['patch'] },
  ];
}

function refTo(kind: 'Role' | 'ClusterRole', name: string): object {
  return { apiGroup: RBAC, kind, name };
}
