import type { CachedObject, Collection, CollectionSnapshot, IndexDefinition } from '#runtime/storage/cache.ts';
import { objectPath } from '#runtime/storage/object-key.ts';
import {
  countBelow,
  emptyList,
  listFromSorted,
  placedBelow,
  withPlaced,
  withoutPlaced,
  type SortedList,
} from '#runtime/storage/sorted-list.ts';
import type { CachedEntry } from './cached-entry.ts';
import { createCollectionIndex, type CollectionIndex } from './collection-index.ts';
import { EventLog, type HistoryBounds } from './event-log.ts';

/** One collection: its objects in order, its indexes and its recent events. */
export interface CollectionState {
  readonly collection: Collection;
  readonly log: EventLog;
  get(path: string): CachedEntry | undefined;
  all(): Iterable<CachedEntry>;
  /** Puts `after` where `before` was; undefined stands for absent. Both have the same path. */
  replace(before: CachedEntry | undefined, after: CachedEntry | undefined): void;
  /** Takes over all objects of a first read, in order. */
  fill(entries: readonly CachedEntry[]): void;
  defineIndex(definition: IndexDefinition): void;
  byIndex(name: string, value: string): Iterable<CachedObject>;
  count(namespace?: string): number;
  snapshot(revision: number): CollectionSnapshot;
}

/** A collection without objects, whose history begins at `revision`. */
export function createCollectionState(
  collection: Collection,
  revision: number,
  bounds: HistoryBounds,
): CollectionState {
  let objects = emptyList<CachedEntry>();
  // The same once more: a look-up by name is the most frequent of all reads, and several times faster here than in the list.
  const byPath = new Map<string, CachedEntry>();
  const indexes = new Map<string, CollectionIndex>();

  return {
    collection,
    log: new EventLog(revision, bounds),
    get: (path) => byPath.get(path),
    all: () => placedBelow(objects, ''),
    replace: (before, after) => {
      // Indexes first: a value that cannot be parsed must not leave the collection half changed.
      for (const index of indexes.values()) index.replace(before, after);
      if (after !== undefined) {
        objects = withPlaced(objects, after);
        byPath.set(after.path, after);
      } else if (before !== undefined) {
        objects = withoutPlaced(objects, before.path);
        byPath.delete(before.path);
      }
    },
    fill: (entries) => {
      objects = listFromSorted(entries);
      for (const entry of entries) byPath.set(entry.path, entry);
      for (const index of indexes.values()) for (const entry of entries) index.add(entry);
    },
    defineIndex: (definition) => {
      const index = createCollectionIndex(definition);
      for (const entry of placedBelow(objects, '')) index.add(entry);
      indexes.set(definition.name, index);
    },
    byIndex: (name, value) => iterable(indexes.get(name)?.under(value) ?? emptyList(), ''),
    count: (namespace) => countBelow(objects, namespacePrefix(namespace)),
    snapshot: (at) => snapshotOf(objects, at),
  };
}

function snapshotOf(objects: SortedList<CachedEntry>, revision: number): CollectionSnapshot {
  return {
    revision,
    list: (namespace, after) =>
      iterable(
        objects,
        namespacePrefix(namespace),
        after === undefined ? undefined : objectPath(after.namespace, after.name),
      ),
    count: (namespace) => countBelow(objects, namespacePrefix(namespace)),
  };
}

function namespacePrefix(namespace: string | undefined): string {
  return namespace === undefined || namespace === '' ? '' : `${namespace}/`;
}

/** Iterates from the start each time it is asked to. */
function iterable(list: SortedList<CachedEntry>, prefix: string, after?: string): Iterable<CachedObject> {
  return { [Symbol.iterator]: () => placedBelow(list, prefix, after) };
}
