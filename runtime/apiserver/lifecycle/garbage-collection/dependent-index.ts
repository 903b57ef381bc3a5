import { keyOf, objectAt } from '#runtime/apiserver/lifecycle/object-refs.ts';
import type { CachedObject, WatchCache } from '#runtime/storage/cache.ts';

/**
 * Finds the dependents of an owner without a scan, over all collections.
 *
 * Kept beside the cache rather than as an index of it: most objects have no owner, and telling that from their bytes costs a fiftieth of parsing them.
 */
export interface DependentIndex {
  /** Takes over everything that the cache holds. */
  refill(): void;
  /** One object changed; `undefined` stands for absent. */
  replace(before: CachedObject | undefined, after: CachedObject | undefined): void;
  /** Everything that names this uid as an owner, as the cache holds it now. */
  dependentsOf(uid: string): readonly CachedObject[];
}

export function createDependentIndex(cache: WatchCache): DependentIndex {
  const keysByOwner = new Map<string, Set<string>>();
  const add = (item: CachedObject): void => {
    for (const uid of ownerUids(item)) {
      const keys = keysByOwner.get(uid);
      if (keys === undefined) keysByOwner.set(uid, new Set([keyOf(item)]));
      else keys.add(keyOf(item));
    }
  };
  const remove = (item: CachedObject): void => {
    for (const uid of ownerUids(item)) {
      const keys = keysByOwner.get(uid);
      keys?.delete(keyOf(item));
      if (keys?.size === 0) keysByOwner.delete(uid);
    }
  };
  return {
    refill: () => {
      keysByOwner.clear();
      for (const collection of cache.collections()) for (const item of cache.list(collection)) add(item);
    },
    replace: (before, after) => {
      if (before !== undefined) remove(before);
      if (after !== undefined) add(after);
    },
    dependentsOf: (uid) =>
      [...(keysByOwner.get(uid) ?? [])].flatMap((key) => {
        const item = objectAt(cache, key);
        return item !== undefined && ownerUids(item).includes(uid) ? [item] : [];
      }),
  };
}

const ownersField = Buffer.from('"ownerReferences"');
const deletionField = Buffer.from('"deletionTimestamp"');

/** Whether an object has owners; looks at its bytes first, so that it is only parsed when it may. */
export function mayHaveOwners(item: CachedObject): boolean {
  return item.bytes.includes(ownersField);
}

export function mayBeDeleting(item: CachedObject): boolean {
  return item.bytes.includes(deletionField);
}

const none: readonly string[] = [];

function ownerUids(item: CachedObject): readonly string[] {
  if (!mayHaveOwners(item)) return none;
  return item.object.metadata.ownerReferences?.map((reference) => reference.uid) ?? none;
}
