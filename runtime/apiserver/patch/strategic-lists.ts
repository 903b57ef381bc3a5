import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { canonicalJson } from '#runtime/base/json.ts';
import { badPatch, patchDirective } from './strategic-directives.ts';

type Fields = Readonly<Record<string, unknown>>;

/** How the items of a list are told apart and merged. */
export interface KeyedMerge {
  readonly mergeKey: string;
  readonly merge: (original: Fields, patch: Fields) => Fields;
}

/**
 * Items of the patch are merged into the items with the same key, new ones are appended; `$patch: delete` takes the item out, and an item
 * `$patch: replace` makes the rest of the patch the whole list.
 */
export function mergeKeyedLists(
  original: readonly unknown[],
  patch: readonly unknown[],
  rules: KeyedMerge,
): readonly unknown[] {
  const items = patch.map((item) => keyedItem(item, rules.mergeKey));
  const replaces = items.some((item) => item[patchDirective] === 'replace');
  const merged: unknown[] = replaces ? [] : [...original];
  const places = Map.groupBy(merged.keys(), (at) => identityOf(merged[at], rules.mergeKey));
  const gone = new Set<number>();
  for (const item of items) {
    const directive = item[patchDirective];
    if (directive === 'replace') continue;
    const identity = identityOf(item, rules.mergeKey);
    const [at, ...twins] = places.get(identity) ?? [];
    if (directive === 'delete') {
      for (const place of at === undefined ? [] : [at, ...twins]) gone.add(place);
      places.delete(identity);
    } else if (at === undefined) {
      const added = rules.merge({}, item);
      places.set(identityOf(added, rules.mergeKey), [merged.push(added) - 1]);
    } else {
      merged[at] = rules.merge(merged[at] as Fields, item);
    }
  }
  return merged.filter((_item, at) => !gone.has(at));
}

/** All values of both lists, each once. */
export function mergeSets(original: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  const merged = new Map<string, unknown>();
  for (const item of [...original, ...patch]) {
    if (isMap(item) || Array.isArray(item)) throw badPatch('invalid patch format of primitive list');
    const identity = identityOf(item, undefined);
    if (!merged.has(identity)) merged.set(identity, item);
  }
  return [...merged.values()];
}

/** The list without what equals one of the values. */
export function withoutValues(items: readonly unknown[], values: readonly unknown[]): readonly unknown[] {
  const unwanted = new Set(values.map((value) => identityOf(value, undefined)));
  return items.filter((item) => !unwanted.has(identityOf(item, undefined)));
}

/**
 * Brings items into the order that the client asked for. Items that it did not name are put in where they stood before, relative to those it named,
 * as far as that goes; named and unnamed items keep their order among themselves.
 */
export function orderLike(
  items: readonly unknown[],
  options: {
    readonly order: readonly unknown[];
    readonly before: readonly unknown[];
    readonly mergeKey: string | undefined;
  },
): readonly unknown[] {
  const order = firstPlaces(options.order, options.mergeKey);
  const before = firstPlaces(options.before, options.mergeKey);
  const ranked = items.map((item) => {
    const identity = identityOf(item, options.mergeKey);
    return { item, rank: order.get(identity) ?? -1, place: before.get(identity) ?? -1 };
  });
  const named = ranked.filter(({ rank }) => rank !== -1).toSorted((a, b) => a.rank - b.rank);
  const unnamed = ranked.filter(({ rank }) => rank === -1).toSorted((a, b) => a.place - b.place);
  const ordered: unknown[] = [];
  let next = 0;
  for (const { item, place } of named) {
    for (let left = unnamed[next]; left !== undefined && isBefore(left.place, place); left = unnamed[next]) {
      ordered.push(left.item);
      next += 1;
    }
    ordered.push(item);
  }
  return [...ordered, ...unnamed.slice(next).map(({ item }) => item)];
}

function firstPlaces(list: readonly unknown[], mergeKey: string | undefined): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const [at, item] of list.entries()) {
    const identity = identityOf(item, mergeKey);
    if (!places.has(identity)) places.set(identity, at);
  }
  return places;
}

function isBefore(place: number, other: number): boolean {
  return place !== -1 && place < other;
}

function keyedItem(item: unknown, mergeKey: string): Fields {
  if (!isMap(item)) throw badPatch(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
  const directive = item[patchDirective];
  if (directive === 'replace') return item;
  if (item[mergeKey] === undefined) throw badPatch(`map: does not contain declared merge key: ${mergeKey}`);
  if (directive !== undefined && directive !== 'delete' && directive !== 'merge') {
    throw badPatch(`unknown patch type: ${JSON.stringify(directive)} in map`);
  }
  return item;
}

/** A text that two items share when they are the same: their keys are, or else they are equal themselves. */
function identityOf(item: unknown, mergeKey: string | undefined): string {
  const isKeyed = mergeKey !== undefined && isMap(item);
  return `${isKeyed}:${canonicalJson(isKeyed ? item[mergeKey] : item)}`;
}
