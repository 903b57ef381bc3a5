import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { required } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Cache } from '#runtime/manager/cache.ts';

export type HeldUids = NonNullable<NonNullable<NonNullable<Host['status']>['capabilities']>['heldUids']>;

const most = required(
  hostKind.status.properties.capabilities.properties.heldUids.maxItems,
  'the most that a Host may tell',
);

/** Whether `held` must be told at once: the first word, the last, or a number that nobody was warned of. What is over can wait, since a Host that changes is looked at by many. */
export function isUrgent(held: HeldUids, told: HeldUids | undefined): boolean {
  if (told === undefined || held.length === 0) return !isEqual(told, held);
  const known = new Set(told.map(({ tenant, uid }) => statementOf(tenant, uid)));
  return held.some(({ tenant, uid }) => !known.has(statementOf(tenant, uid)));
}

/** `acme 20000` for each number that the store gives a tenant of this host, or its data that is kept here. */
export function statedUids(hostName: string, cache: Cache): ReadonlySet<string> {
  const tenants = cache
    .list(tenantKind)
    .flatMap(({ metadata, status }) => (status?.uid === undefined ? [] : [statementOf(metadata.name, status.uid)]));
  const kept = cache
    .list(retainedDataKind)
    .filter(({ spec }) => spec.host === hostName)
    .flatMap(({ spec }) => (spec.userId === undefined ? [] : [statementOf(spec.tenantRef.name, spec.userId)]));
  return new Set([...tenants, ...kept]);
}

/**
 * What is to be told of the numbers that files carry: everything of a tenant of whom the store does not say the same, and of those who share a number with
 * such a one. Beyond what an object can hold the rest follows when the first are at peace.
 */
export function heldUids(carried: ReadonlyMap<string, readonly number[]>, stated: ReadonlySet<string>): HeldUids {
  const all = [...carried];
  const unstated = all.filter(([tenant, uids]) => uids.some((uid) => !stated.has(statementOf(tenant, uid))));
  const concerned = new Set(unstated.flatMap(([, uids]) => uids));
  return all
    .filter(([, uids]) => uids.some((uid) => concerned.has(uid)))
    .flatMap(([tenant, uids]) => uids.map((uid) => ({ tenant, uid })))
    .toSorted((a, b) => (a.tenant === b.tenant ? a.uid - b.uid : a.tenant < b.tenant ? -1 : 1))
    .slice(0, most);
}

function statementOf(tenant: string, uid: number): string {
  return `${tenant} ${uid}`;
}
