import { isEqual } from '#runtime/base/json.ts';
import { charge } from '#runtime/apiserver/schema/cel/meter.ts';
import type { CelLibrary } from './functions.ts';
import { itemsOf } from './text.ts';

type Items = Iterable<unknown>;

/** `sets.contains`, `sets.equivalent`, `sets.intersects` (cel-go ext/sets). */
export const setLibrary: CelLibrary = {
  namespaces: ['sets'],
  functions: {
    'SetsNamespace.contains(list, list): bool': (_sets: unknown, list: Items, part: Items) => contains(list, part),
    'SetsNamespace.equivalent(list, list): bool': (_sets: unknown, a: Items, b: Items) =>
      contains(a, b) && contains(b, a),
    'SetsNamespace.intersects(list, list): bool': (_sets: unknown, a: Items, b: Items) => {
      const has = membership(itemsOf(a));
      return itemsOf(b).some(has);
    },
  },
};

function contains(list: Items, part: Items): boolean {
  return itemsOf(part).every(membership(itemsOf(list)));
}

function membership(items: readonly unknown[]): (item: unknown) => boolean {
  if (items.every((item) => typeof item !== 'object')) {
    const set = new Set(items);
    return (item) => set.has(item);
  }
  return (item) => {
    charge(items.length);
    return items.some((one) => isEqual(one, item));
  };
}
