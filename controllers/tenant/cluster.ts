import { clusterRoleKind, namespaceKind, resourceQuotaKind, roleBindingKind } from '#schemas/meta/builtin.ts';
import { isTrue } from '#schemas/meta/conditions.ts';
import { FINALIZERS, LABELS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { packageKind } from '#schemas/v1alpha1/package.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import { uidClaimKind, type UIDClaim } from '#schemas/v1alpha1/uid-claim.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, isPending, isRefused, type Watch } from '#runtime/manager/controller.ts';
import { heldBy, heldUidIndexes, heldUnder } from '#controllers/held-uids.ts';
import { hostHolders } from '#controllers/host-holders.ts';
import { hostOfRole, TENANTS_BY_HOST, tenantsByHost } from '#controllers/host-rights.ts';
import { hostsOf } from '#controllers/whereabouts.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import { createChoices } from './cluster/choices.ts';
import { childrenAfterDeletion, desiredChildren } from './cluster/desired.ts';
import { SERVED_BY_AGENTS, gatherTenantCluster } from './cluster/gather.ts';
import { isHostDrained } from './cluster/host-state.ts';
import type { TenantClusterInputs } from './cluster/inputs.ts';
import { MOVES_AT_ONCE } from './cluster/move.ts';
import { BY_PARENT } from './cluster/parent.ts';
import { tenantClusterStatus } from './cluster/status.ts';

/** What a Tenant is made of in the API. */
export type TenantClusterDrivers<W> = {
  readonly uids: DriverOf<number | undefined, W>;
  /** Namespace, ResourceQuota, RoleBindings. */
  readonly objects: DriverOf<Children, W>;
};

/** Tenants by the host that they belong on. */
const BY_HOME = 'home';
/** Tenants by the host that was chosen and whose agent has no rights yet, and all that have no host. No host has these names. */
const BY_NEXT_HOST = 'nextHost';
const UNPLACED = '*';
const NO_HOST = '';

const CHILD_KINDS = [namespaceKind, resourceQuotaKind, roleBindingKind] as const;

/** A Tenant in the API: its namespace, user id, rights, quota and place. */
export function createTenantClusterController<W extends ClusterWorld>({ uids }: ClusterParts<W>) {
  const choices = createChoices();
  const gather = (tenant: Tenant, cache: Cache) => gatherTenantCluster(tenant, cache, choices);
  const drivers: TenantClusterDrivers<W> = {
    uids,
    objects: createObjectsDriver({ name: 'tenant-objects', fieldManager: 'wcp360-tenant-objects', kinds: CHILD_KINDS }),
  };
  return defineController<typeof tenantKind, W, TenantClusterDrivers<W>, TenantClusterInputs>({
    name: 'tenant.cluster',
    kind: tenantKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    holdsFor: (tenant, cache) => {
      const inputs = gather(tenant, cache);
      if (isPending(inputs) || isRefused(inputs)) return hostHolders(tenant, { isComing: false, ...tenant.status });
      return hostHolders(tenant, { ...inputs, isComing: inputs.unplaced === undefined });
    },
    drivers,
    watches: tenantClusterWatches,
    indexes: [
      tenantsByHost,
      { kind: tenantKind, index: { name: BY_NEXT_HOST, valuesOf: nextHostsOf } },
      { kind: tenantKind, index: { name: BY_HOME, valuesOf: homeOf } },
      { kind: tenantKind, index: { name: BY_PARENT, valuesOf: parentNameOf } },
      ...heldUidIndexes,
    ],
    gather,
    desired: (tenant, inputs) => ({
      uids: inputs.uid.number,
      objects: childrenOf(desiredChildren(tenant, inputs)),
    }),
    afterDeletion: (tenant, inputs) => ({
      uids: undefined,
      objects: childrenOf(childrenAfterDeletion(tenant, inputs)),
    }),
    status: tenantClusterStatus,
  });
}

/** Whom a change of a host concerns: those who have no host or belong there, and, unless it is there for all that it has, those who are there. */
function concernedBy(host: Host, cache: Cache): readonly Tenant[] {
  const { metadata, spec, status } = host;
  const isThere = !spec.lost && !spec.drain && isTrue(status?.conditions, 'Ready');
  return [
    ...cache.byIndex(tenantKind, BY_NEXT_HOST, UNPLACED),
    ...cache.byIndex(tenantKind, BY_HOME, metadata.name),
    ...(isThere ? movingFrom(metadata.name, cache) : cache.byIndex(tenantKind, TENANTS_BY_HOST, metadata.name)),
    // Others may want to come here.
    ...cache.list(hostKind).flatMap(({ spec: { drain }, metadata: { name } }) => (drain ? waitingOn(name, cache) : [])),
  ];
}

function movingFrom(host: string, cache: Cache): readonly Tenant[] {
  return cache.byIndex(tenantKind, TENANTS_BY_HOST, host).filter(({ status }) => status?.nextHost !== undefined);
}

/** Of a host that is emptied, those whose turn it is when one is done. */
function waitingOn(host: string, cache: Cache): readonly Tenant[] {
  return cache
    .byIndex(tenantKind, TENANTS_BY_HOST, host)
    .filter(({ status }) => status?.host === host && status.nextHost === undefined)
    .slice(0, MOVES_AT_ONCE);
}

/** Where a tenant goes whose agent has no rights yet. */
function nextHostsOf(tenant: KubeObject): readonly string[] {
  const { host, nextHost, moving } = (tenant as Tenant).status ?? {};
  const isChosen = nextHost !== undefined && moving === undefined;
  return [...(host === undefined ? [UNPLACED] : []), ...(isChosen ? [nextHost] : [])];
}

function homeOf(tenant: KubeObject): readonly string[] {
  const { host } = (tenant as Tenant).spec.placement;
  return host === undefined ? [] : [host];
}

function parentNameOf(tenant: KubeObject): readonly string[] {
  const parent = (tenant as Tenant).spec.parentRef?.name;
  return parent === undefined ? [] : [parent];
}

const tenantClusterWatches: readonly Watch[] = [
  // A package says what its tenants may use; a tenant without one may wait for a default.
  { kind: packageKind, keysOf: (_package, cache) => keysOf(cache.list(tenantKind)) },
  { kind: tenantKind, keysOf: (changed, cache) => relativesOf(changed as Tenant, cache) },
  { kind: namespaceKind, keysOf: (namespace, cache) => labelledKeys(namespace, cache) },
  { kind: roleBindingKind, keysOf: (binding) => tenantLabelOf(binding) },
  { kind: resourceQuotaKind, keysOf: (quota) => tenantLabelOf(quota) },
  { kind: uidClaimKind, keysOf: (claim, cache) => interestedIn(claim as UIDClaim, cache) },
  {
    kind: hostKind,
    keysOf: (host, cache) => [
      ...keysOf(concernedBy(host as Host, cache)),
      ...heldBy(host).map(({ tenant }) => ({ name: tenant })),
    ],
  },
  // The host that was chosen has been given what it needs.
  {
    kind: clusterRoleKind,
    keysOf: ({ metadata }, cache) =>
      keysOf(cache.byIndex(tenantKind, BY_NEXT_HOST, hostOfRole(metadata.name) ?? NO_HOST)),
  },
  ...SERVED_BY_AGENTS.map((kind) => ({ kind, keysOf: tenantOf })),
];

function keysOf(tenants: readonly Tenant[]): readonly ObjectKey[] {
  return tenants.map((tenant) => ({ name: tenant.metadata.name }));
}

/** Tenants of a reseller, and those of the same reseller: a limit that shrinks makes room for the younger ones. Whoever has moved makes room for the next to go. */
function relativesOf(changed: Tenant, cache: Cache): readonly ObjectKey[] {
  const parent = changed.spec.parentRef?.name;
  const siblings = parent === undefined ? [] : cache.byIndex(tenantKind, BY_PARENT, parent);
  const hosts = changed.status?.nextHost === undefined ? [] : hostsOf(changed.status);
  const next = hosts.filter((host) => isHostDrained(host, cache)).flatMap((host) => waitingOn(host, cache));
  return keysOf([...cache.byIndex(tenantKind, BY_PARENT, changed.metadata.name), ...siblings, ...next]);
}

/** Whose the number is, and whose files carry it: it may be free for them now. */
function interestedIn({ metadata, spec }: UIDClaim, cache: Cache): readonly ObjectKey[] {
  const holders = heldUnder(Number(metadata.name), cache).map(({ tenant }) => tenant);
  return [spec.tenantRef.name, ...holders].map((name) => ({ name }));
}

function tenantLabelOf(object: KubeObject): readonly ObjectKey[] {
  const name = object.metadata.labels?.[LABELS.tenant];
  return name === undefined ? [] : [{ name }];
}

function labelledKeys(namespace: KubeObject, cache: Cache): readonly ObjectKey[] {
  const { name } = namespace.metadata;
  return cache.get(tenantKind, { name }) === undefined ? [] : [{ name }];
}

/** A living tenant does not depend on its Domains, but while it moves; one whose namespace goes waits for the last of them, and of its Zones. */
function tenantOf({ metadata }: KubeObject, cache: Cache): readonly ObjectKey[] {
  const name = metadata.namespace ?? '';
  const tenant = cache.get(tenantKind, { name });
  const isWaiting =
    tenant?.status?.moving !== undefined ||
    tenant?.metadata.deletionTimestamp !== undefined ||
    cache.get(namespaceKind, { name })?.metadata.deletionTimestamp !== undefined;
  return isWaiting ? [{ name }] : [];
}
