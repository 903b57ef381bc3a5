import type { Operations } from '#runtime/apiserver/operations.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { countedCollection, countOf, hardOf, usedOf } from './model.ts';
import type { Reservations, Unseen } from './reservations.ts';

/** What counting looks at. */
export interface Counting {
  readonly cache: WatchCache;
  readonly operations: Operations;
  readonly clock: Clock;
  readonly reservations: Reservations;
}

/** Adds one to each of the names that are counted. */
export function addOne(counts: Record<string, number>, names: readonly string[]): void {
  for (const name of names) if (Object.hasOwn(counts, name)) counts[name] = (counts[name] ?? 0) + 1;
}

/** What `used` stands at, by name; a name that was never counted is counted. */
export function countsOf(counting: Counting, live: KubeObject): Record<string, number> {
  const used = usedOf(live);
  const counts: Record<string, number> = {};
  for (const name of Object.keys(hardOf(live))) {
    const count = countOf(used[name]) ?? countNow(counting, live, name)?.count;
    if (count !== undefined) counts[name] = count;
  }
  return counts;
}

/** Objects that there are or may be in a moment; `undefined` for what nothing here counts. */
export function countNow(counting: Counting, quota: KubeObject, name: string): Unseen | undefined {
  const named = countedCollection(name);
  if (named === undefined) return undefined;
  const [group = '', resource = ''] = named.split('/');
  // A collection may be a view of another one's objects (events).
  const collection = counting.operations.resource(group === 'core' ? '' : group, resource)?.collection ?? named;
  const namespace = quota.metadata.namespace ?? '';
  const unseen = counting.reservations.unseen(collection, namespace, counting.clock.now());
  return { count: counting.cache.count(collection, namespace) + unseen.count, untilMs: unseen.untilMs };
}

/** The quota with this usage in its status; `undefined` when it says so already. */
export function withUsed(live: KubeObject, counts: Readonly<Record<string, number>>): KubeObject | undefined {
  const used = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, String(count)]));
  const status = { hard: (live['spec'] as { readonly hard?: unknown } | undefined)?.hard ?? {}, used };
  return isEqual(live['status'], status) ? undefined : { ...live, status };
}

/** A quota that has no room for one more, and its limits that are reached. */
export interface Full {
  readonly quota: string;
  readonly limits: readonly Limit[];
}

interface Limit {
  readonly name: string;
  readonly used: number;
  readonly limit: unknown;
}

/** Of `names` those that a quota limits and that have no room; undefined when there is room. */
export function fullOf(
  quota: KubeObject,
  names: readonly string[],
  usedBy: (name: string) => number,
): Full | undefined {
  const hard = hardOf(quota);
  const limits = names
    .filter((name) => Object.hasOwn(hard, name))
    .map((name) => ({ name, used: usedBy(name), limit: hard[name] }))
    .filter(({ used, limit }) => used + 1 > (countOf(limit) ?? 0));
  return limits.length === 0 ? undefined : { quota: quota.metadata.name, limits };
}
