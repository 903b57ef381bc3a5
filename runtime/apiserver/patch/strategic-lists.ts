import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { isEqual } from '#runtime/base/json.ts';
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
  for (const item of items) {
    const directive = item[patchDirective];
    if (directive === 'replace') continue;
    const at = merged.findIndex((other) => isMap(other) && isEqual(other[rules.mergeKey], item[rules.mergeKey]));
    if (directive === 'delete') deleteAll(merged, item[rules.mergeKey], rules.mergeKey);
    else if (at === -1) merged.push(rules.merge({}, item));
    else merged[at] = rules.merge(merged[at] as Fields, item);
  }
  return merged;
}

/** All values of both lists, each once. */
export function mergeSets(original: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  const merged: unknown[] = [];
  for (const item of [...original, ...patch]) {
    if (isMap(item) || Array.isArray(item)) throw badPatch('invalid patch format of primitive list');
    if (!merged.some((other) => isEqual(other, item))) merged.push(item);
  }
  return merged;
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
  const rank = (list: readonly unknown[], item: unknown): number =>
    list.findIndex((other) => isSameItem(other, item, options.mergeKey));
  const byRank = (list: readonly unknown[]) => (a: unknown, b: unknown) => rank(list, a) - rank(list, b);
  const named = items.filter((item) => rank(options.order, item) !== -1).toSorted(byRank(options.order));
  const unnamed = items.filter((item) => rank(options.order, item) === -1).toSorted(byRank(options.before));
  const ordered: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const place = rank(options.before, item);
    while (next < unnamed.length && place !== -1 && isBefore(rank(options.before, unnamed[next]), place)) {
      ordered.push(unnamed[next]);
      next += 1;
    }
    ordered.push(item);
  }
  return [...ordered, ...unnamed.slice(next)];
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

function deleteAll(items: unknown[], key: unknown, mergeKey: string): void {
  for (let at = items.length - 1; at >= 0; at -= 1) {
    const item = items[at];
    if (isMap(item) && isEqual(item[mergeKey], key)) items.splice(at, 1);
  }
}

function isSameItem(a: unknown, b: unknown, mergeKey: string | undefined): boolean {
  return mergeKey !== undefined && isMap(a) && isMap(b) ? isEqual(a[mergeKey], b[mergeKey]) : isEqual(a, b);
}
