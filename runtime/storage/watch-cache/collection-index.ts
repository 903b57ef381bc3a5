import type { IndexDefinition } from '#runtime/storage/cache.ts';
import { emptyList, withPlaced, withoutPlaced, type SortedList } from '#runtime/storage/sorted-list.ts';
import type { CachedEntry } from './cached-entry.ts';

/** Objects of a collection by a value of theirs, in key order under each value. */
export interface CollectionIndex {
  under(value: string): SortedList<CachedEntry>;
  /** Takes in an object that was there before the index. */
  add(entry: CachedEntry): void;
  /** One object changed from `before` to `after`; undefined stands for absent. */
  replace(before: CachedEntry | undefined, after: CachedEntry | undefined): void;
}

/** An index over nothing yet. */
export function createCollectionIndex(definition: IndexDefinition): CollectionIndex {
  const lists = new Map<string, SortedList<CachedEntry>>();
  const under = (value: string): SortedList<CachedEntry> => lists.get(value) ?? emptyList();
  const put = (values: readonly string[], entry: CachedEntry): void => {
    for (const value of values) lists.set(value, withPlaced(under(value), entry));
  };
  return {
    under,
    add: (entry) => put(definition.valuesOf(entry.glance()), entry),
    replace: (before, after) => {
      const values = after === undefined ? [] : definition.valuesOf(after.object);
      const gone =
        before === undefined ? [] : definition.valuesOf(before.object).filter((value) => !values.includes(value));
      for (const value of gone) {
        const rest = before === undefined ? under(value) : withoutPlaced(under(value), before.path);
        if (rest.size === 0) lists.delete(value);
        else lists.set(value, rest);
      }
      if (after !== undefined) put(values, after);
    },
  };
}
