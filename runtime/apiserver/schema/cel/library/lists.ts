import { isEqual } from '#runtime/base/json.ts';
import type { CelFunctions } from './functions.ts';
import { fail, indexIn, itemsOf } from './text.ts';

type Items = Iterable<unknown>;

/** List functions of Kubernetes (isSorted, sum, min, max, indexOf, lastIndexOf) and of cel-go ext/lists. */
export const listFunctions: CelFunctions = {
  'list.isSorted(): bool': (list: Items) =>
    itemsOf(list).every((item, index, items) => index === 0 || compare(items[index - 1], item) <= 0),
  'list<int>.sum(): int': (list: Items) => itemsOf(list).reduce<bigint>((sum, item) => sum + (item as bigint), 0n),
  'list<double>.sum(): double': (list: Items) => itemsOf(list).reduce<number>((sum, item) => sum + (item as number), 0),
  'list<A>.min(): A': (list: Items) => extreme(list, -1),
  'list<A>.max(): A': (list: Items) => extreme(list, 1),
  'list.k8s_indexOf(dyn): int': (list: Items, item: unknown) =>
    BigInt(itemsOf(list).findIndex((one) => isEqual(one, item))),
  'list.k8s_lastIndexOf(dyn): int': (list: Items, item: unknown) =>
    BigInt(itemsOf(list).findLastIndex((one) => isEqual(one, item))),
  'list<A>.distinct(): list<A>': (list: Items) => distinct(itemsOf(list)),
  'list<A>.reverse(): list<A>': (list: Items) => itemsOf(list).toReversed(),
  'list<A>.sort(): list<A>': (list: Items) => itemsOf(list).toSorted(compare),
  'list<A>.slice(int, int): list<A>': (list: Items, from: bigint, to: bigint) => {
    const items = itemsOf(list);
    const start = indexIn(from, items.length);
    const end = indexIn(to, items.length);
    return start <= end
      ? items.slice(start, end)
      : fail(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  },
  'list.flatten(): list': (list: Items) =>
    itemsOf(list).flatMap((item) => (Array.isArray(item) || item instanceof Set ? itemsOf(item) : [item])),
};

function compare(a: unknown, b: unknown): number {
  const isOrdered =
    (typeof a === typeof b && (typeof a === 'string' || typeof a === 'boolean')) ||
    (isNumeric(a) && isNumeric(b)) ||
    (isTimed(a) && isTimed(b));
  if (!isOrdered) fail('no such overload: values cannot be put in order');
  if ((a as number) < (b as number)) return -1;
  return (a as number) > (b as number) ? 1 : 0;
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'bigint' || typeof value === 'number';
}

/** Dates and durations have a number as their value. */
function isTimed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof value.valueOf() === 'number';
}

function extreme(list: Items, direction: 1 | -1): unknown {
  const items = itemsOf(list);
  if (items.length === 0) fail(`${direction === 1 ? 'max' : 'min'} called on empty list`);
  return items.reduce((best, item) => (compare(item, best) === direction ? item : best));
}

function distinct(items: readonly unknown[]): readonly unknown[] {
  const isScalar = items.every((item) => typeof item !== 'object');
  // What is no scalar is compared with all before it; the meter counts a list by its length, so this is bounded by a short list.
  if (isScalar) return [...new Set(items)];
  if (items.length > 1_000) fail('distinct called on more than 1000 values that are no scalars');
  return items.filter((item, index) => items.findIndex((one) => isEqual(one, item)) === index);
}
