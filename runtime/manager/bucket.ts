import type { KubeObject } from '#schemas/meta/object.ts';
import type { CacheIndex } from './cache.ts';

/**
 * Objects that stand together: counted as they come and go, sorted when first asked for, and kept so from then on. A change costs a look for its place, whatever the
 * number of members; where so much has changed since somebody looked that this would be dearer, all are sorted anew.
 */
export interface Bucket {
  readonly order: BucketOrder;
  readonly members: Map<string, KubeObject>;
  /** By group; absent where nothing is counted. */
  readonly counts: Map<string, number> | undefined;
  sorted: KubeObject[] | undefined;
  /** Somebody has `sorted`, and keeps it as it was. */
  isShared: boolean;
  /** What has changed since `sorted` was right, and how that has it. */
  changed: Map<string, KubeObject | undefined> | undefined;
}

/** What all buckets of an index go by. */
export interface BucketOrder {
  readonly groupOf: ((object: KubeObject) => string) | undefined;
  readonly compare: Compare;
}

type Compare = (a: KubeObject, b: KubeObject) => number;

/** So much dearer than one place in a sort is the look for a single one. */
const sortRatio = 8;

export function bucketOrder({ groupOf, orderOf }: Pick<CacheIndex, 'groupOf' | 'orderOf'>): BucketOrder {
  if (orderOf === undefined) return { groupOf, compare: byNamespaceAndName };
  return { groupOf, compare: (a, b) => compareText(orderOf(a), orderOf(b)) || byNamespaceAndName(a, b) };
}

/** A bucket with nothing in it. */
export function createBucket(order: BucketOrder): Bucket {
  const counts = order.groupOf === undefined ? undefined : new Map<string, number>();
  return { order, members: new Map(), counts, sorted: undefined, isShared: false, changed: undefined };
}

/** Puts an object in place of what stood under the key; `undefined`: nothing stands there any more. */
export function replaceIn(bucket: Bucket, key: string, object: KubeObject | undefined): void {
  const { members, counts, order } = bucket;
  const found = members.get(key);
  if (counts !== undefined) {
    count(counts, found && order.groupOf?.(found), -1);
    count(counts, object && order.groupOf?.(object), 1);
  }
  if (object === undefined) members.delete(key);
  else members.set(key, object);
  noteChange(bucket, key, found);
}

/** Not more than is worth it: what nobody looks at must not keep what is long past. */
function noteChange(bucket: Bucket, key: string, found: KubeObject | undefined): void {
  if (bucket.sorted === undefined) return;
  bucket.changed ??= new Map();
  if (!bucket.changed.has(key)) bucket.changed.set(key, found);
  if (bucket.changed.size * sortRatio <= bucket.members.size) return;
  bucket.sorted = undefined;
  bucket.changed = undefined;
}

function count(counts: Map<string, number>, group: string | undefined, more: number): void {
  if (group === undefined) return;
  const now = (counts.get(group) ?? 0) + more;
  if (now === 0) counts.delete(group);
  else counts.set(group, now);
}

/** In order; it stays as it is. */
export function listOf(bucket: Bucket): readonly KubeObject[] {
  const list = inOrder(bucket);
  bucket.isShared = true;
  return list;
}

/** How many members come before an object, which need not be one. */
export function countBefore(bucket: Bucket, object: KubeObject): number {
  return placeIn(inOrder(bucket), object, bucket.order.compare);
}

/** How many members are of each group. */
export function countsOf({ counts, members }: Bucket): ReadonlyMap<string, number> {
  return counts ?? new Map([['', members.size]]);
}

function inOrder(bucket: Bucket): KubeObject[] {
  const { members, order, sorted, changed } = bucket;
  if (sorted !== undefined && changed === undefined) return sorted;
  const list =
    sorted === undefined || changed === undefined
      ? [...members.values()].toSorted(order.compare)
      : mended(sorted, changed, bucket);
  return Object.assign(bucket, { sorted: list, isShared: false, changed: undefined }).sorted;
}

function mended(
  sorted: KubeObject[],
  changed: ReadonlyMap<string, KubeObject | undefined>,
  { isShared, members, order }: Bucket,
): KubeObject[] {
  const list = isShared ? [...sorted] : sorted;
  for (const [key, before] of changed) {
    if (before !== undefined) list.splice(placeIn(list, before, order.compare), 1);
    const after = members.get(key);
    if (after !== undefined) list.splice(placeIn(list, after, order.compare), 0, after);
  }
  return list;
}

/** The first place whose member does not come before. */
function placeIn(list: readonly KubeObject[], object: KubeObject, compare: Compare): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = list[middle];
    if (found !== undefined && compare(found, object) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function byNamespaceAndName(a: KubeObject, b: KubeObject): number {
  return (
    compareText(a.metadata.namespace ?? '', b.metadata.namespace ?? '') || compareText(a.metadata.name, b.metadata.name)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
