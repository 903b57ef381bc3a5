import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Pending, Refused } from '#runtime/manager/controller.ts';
import { amountsOf, type Limits } from './effective.ts';

/** Tenants by the name of their reseller. */
export const BY_PARENT = 'parent';

const DEEPEST = 8;

/** The chain of resellers above a tenant, nearest first; why there is none when a link is missing or leads back. */
export function parentsOf(tenant: Tenant, cache: Cache): readonly Tenant[] | Pending | Refused {
  const parents: Tenant[] = [];
  let name = tenant.spec.parentRef?.name;
  while (name !== undefined) {
    if (name === tenant.metadata.name || parents.length === DEEPEST) {
      return {
        refused: { reason: 'ParentCycle', message: `The chain of resellers above ${tenant.metadata.name} has no end.` },
      };
    }
    const parent = cache.get(tenantKind, { name });
    if (parent === undefined) return { pending: { reason: 'ParentNotFound', message: `There is no Tenant ${name}.` } };
    parents.push(parent);
    name = parent.spec.parentRef?.name;
  }
  return parents;
}

/**
 * The limit that a reseller's tenants exceed together when this one counts, or `undefined`. Older tenants count first, so the newest is the one
 * refused; a limit that the reseller does not have is none, and a tenant without a limit that its reseller has would take all, so it exceeds it.
 */
export function exceededLimit(tenant: Tenant, limits: Limits, parent: Tenant, cache: Cache): string | undefined {
  const allowed = amountsOf(parent.status?.effective?.limits ?? {});
  const older = cache
    .byIndex(tenantKind, BY_PARENT, parent.metadata.name)
    .filter((sibling) => isOlder(sibling, tenant));
  const wanted = amountsOf(limits);
  return [...allowed].find(([name, most]) => {
    const others = older.reduce(
      (sum, sibling) => sum + (amountsOf(sibling.status?.effective?.limits ?? {}).get(name) ?? 0),
      0,
    );
    return others + (wanted.get(name) ?? Number.POSITIVE_INFINITY) > most;
  })?.[0];
}

function isOlder(a: Tenant, b: Tenant): boolean {
  if (a.metadata.name === b.metadata.name) return false;
  const order = Date.parse(a.metadata.creationTimestamp ?? '') - Date.parse(b.metadata.creationTimestamp ?? '');
  return order === 0 || Number.isNaN(order) ? a.metadata.name < b.metadata.name : order < 0;
}
