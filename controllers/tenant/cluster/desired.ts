import { resourceQuotaKind, namespaceKind, roleBindingKind } from '#schemas/meta/builtin.ts';
import { apiVersionOf, type KindDefinition } from '#schemas/meta/kind.ts';
import { agentAccountOf, FINALIZERS, GROUP, LABELS, MANAGED_BY, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { kinds } from '#schemas/index.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import { hostsOf } from '#controllers/whereabouts.ts';
import { OBJECT_COUNTS } from './effective.ts';
import { TENANT_QUOTA, type TenantClusterInputs } from './inputs.ts';

/** ClusterRoles of manifests/rbac that bindings in a tenant's namespace refer to. */
export const TENANT_ROLES = {
  owner: 'wcp360-tenant-owner',
  agent: 'wcp360-agent-tenant',
  arrival: 'wcp360-agent-arrival',
} as const;

const RBAC = 'rbac.authorization.k8s.io';

/** The host that a tenant is on, or goes to now: not before it has its user id, without which a host can do nothing for it. */
export function placeOf(tenant: Tenant, inputs: TenantClusterInputs): string | undefined {
  return inputs.uid.isClaimed || inputs.host === tenant.status?.host ? inputs.host : undefined;
}

/** Everything in the API that a tenant is made of. */
export function desiredChildren(tenant: Tenant, inputs: TenantClusterInputs): readonly KubeObject[] {
  if (inputs.isNamespaceTerminating) return leavingBindings(tenant, inputs);
  return [
    namespaceOf(tenant),
    ...quotasOf(tenant, inputs),
    ownersBinding(tenant),
    agentBinding(tenant, inputs),
    ...arrivalBindings(tenant, inputs),
  ];
}

/** What stays of a deleted tenant as long as objects are left in its namespace: the agent's rights there, without which nobody could take those down. */
export function childrenAfterDeletion(tenant: Tenant, inputs: TenantClusterInputs | undefined): readonly KubeObject[] {
  return inputs === undefined ? [] : leavingBindings(tenant, inputs);
}

/** Held by a finalizer while it is needed, then let go: a namespace that is being deleted takes no new objects. */
function leavingBindings(tenant: Tenant, inputs: TenantClusterInputs): readonly KubeObject[] {
  if (!inputs.hasAgentBinding) return [];
  const binding = agentBinding(tenant, inputs);
  return [inputs.isNamespaceInUse ? binding : { ...binding, metadata: { ...binding.metadata, finalizers: [] } }];
}

function namespaceOf(tenant: Tenant): KubeObject {
  const { name, uid } = tenant.metadata;
  return {
    apiVersion: apiVersionOf(namespaceKind),
    kind: namespaceKind.kind,
    metadata: {
      name,
      labels: labelsOf(tenant),
      ...(uid === undefined
        ? {}
        : {
            ownerReferences: [
              {
                apiVersion: apiVersionOf(tenantKind),
                kind: tenantKind.kind,
                name,
                uid,
                controller: true,
                blockOwnerDeletion: true,
              },
            ],
          }),
    },
  };
}

/** Counts are Kubernetes' own quota, so that both servers refuse one object too many without a race. */
function quotasOf(tenant: Tenant, inputs: TenantClusterInputs): readonly KubeObject[] {
  const limits = inputs.effective.limits ?? {};
  const counts = OBJECT_COUNTS.flatMap((name) => {
    const most = limits[name];
    const resource = name.toLowerCase();
    // A server never counts what it does not know, and the quota would stay uncounted for ever.
    const isKind = kinds.some(({ plural }) => plural === resource);
    return most === undefined || !isKind ? [] : [[`count/${resource}.${GROUP}`, String(most)] as const];
  });
  if (counts.length === 0) return [];
  const quota = inNamespace(resourceQuotaKind, tenant, TENANT_QUOTA);
  return [{ ...quota, spec: { hard: Object.fromEntries(counts) } }];
}

function ownersBinding(tenant: Tenant): KubeObject {
  const namespace = tenant.metadata.name;
  const owners = tenant.spec.owners.map(({ kind, name }) =>
    kind === 'ServiceAccount' ? { kind, name, namespace } : { apiGroup: RBAC, kind, name },
  );
  return {
    ...inNamespace(roleBindingKind, tenant, 'wcp360-owners'),
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: TENANT_ROLES.owner },
    subjects: [
      { kind: 'ServiceAccount', name: 'default', namespace },
      ...owners.filter((owner) => owner.name !== 'default'),
    ],
  };
}

/**
 * For the host that was chosen, too, before it does anything, and for the one that was left until it has nothing any more. It is there without any, too: a
 * namespace that is being deleted takes no other one, and may need a host once more.
 */
function agentBinding(tenant: Tenant, inputs: TenantClusterInputs): KubeObject {
  const binding = bindingTo(tenant, TENANT_ROLES.agent, { name: 'wcp360-agent', hosts: hostsOf(inputs) });
  return { ...binding, metadata: { ...binding.metadata, finalizers: [FINALIZERS.cluster] } };
}

/** The host that a tenant moves to may ask for its files. */
function arrivalBindings(tenant: Tenant, { nextHost, moving }: TenantClusterInputs): readonly KubeObject[] {
  if (nextHost === undefined || moving === undefined) return [];
  return [bindingTo(tenant, TENANT_ROLES.arrival, { name: 'wcp360-arrival', hosts: [nextHost] })];
}

function bindingTo(
  tenant: Tenant,
  role: string,
  { name, hosts }: { readonly name: string; readonly hosts: readonly string[] },
): KubeObject {
  return {
    ...inNamespace(roleBindingKind, tenant, name),
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
    subjects: hosts
      .toSorted()
      .map((host) => ({ kind: 'ServiceAccount', name: agentAccountOf(host), namespace: SYSTEM_NAMESPACE })),
  };
}

function inNamespace(kind: KindDefinition, tenant: Tenant, name: string): KubeObject {
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { name, namespace: tenant.metadata.name, labels: labelsOf(tenant) },
  };
}

function labelsOf(tenant: Tenant): Readonly<Record<string, string>> {
  return { [LABELS.tenant]: tenant.metadata.name, [LABELS.managedBy]: MANAGED_BY };
}
