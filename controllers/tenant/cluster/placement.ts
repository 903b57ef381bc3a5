import { isTrue } from '#schemas/meta/conditions.ts';
import { matchesLabels, selectorOf } from '#schemas/meta/selectors.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Cache, CacheIndex } from '#runtime/manager/cache.ts';
import { heldFor } from '#controllers/held-uids.ts';

/** Tenants by the host they are on. */
export const BY_HOST = 'host';

export const tenantsByHost: CacheIndex = {
  name: BY_HOST,
  valuesOf: (tenant: KubeObject) => {
    const host = (tenant as Tenant).status?.host;
    return host === undefined ? [] : [host];
  },
};

/** The host of a tenant: the one it is on, else among those that take it one that has files of it, then the one with the fewest tenants, by name where equal. */
export function chooseHost(tenant: Tenant, cache: Cache): string | undefined {
  if (tenant.status?.host !== undefined) return tenant.status.host;
  const selector = selectorOf(tenant.spec.placement.hostSelector);
  const candidates = cache
    .list(hostKind)
    .filter((host) => takes(host, tenant.metadata.name) && matchesLabels(selector, host.metadata.labels));
  const holders = new Set(heldFor(tenant.metadata.name, cache).map(({ host }) => host));
  const counted = candidates.map((host) => ({
    name: host.metadata.name,
    isHolder: holders.has(host.metadata.name),
    tenants: cache.byIndex(tenantKind, BY_HOST, host.metadata.name).length,
  }));
  const [best] = counted.toSorted(
    (a, b) => Number(b.isHolder) - Number(a.isHolder) || a.tenants - b.tenants || (a.name < b.name ? -1 : 1),
  );
  return best?.name;
}

/** Not before it has told whose files it holds: what a tenant is made under is then known to be right. */
function takes(host: Host, tenant: string): boolean {
  const { capabilities = {}, conditions } = host.status ?? {};
  return (
    !host.spec.unschedulable &&
    host.metadata.deletionTimestamp === undefined &&
    isTrue(conditions, 'Ready') &&
    capabilities.heldUids !== undefined &&
    capabilities.takenNames?.includes(tenant) !== true
  );
}
