import type { LifecycleTask } from '#runtime/apiserver/lifecycle/loop.ts';
import { keyOf, objectAt } from '#runtime/apiserver/lifecycle/object-refs.ts';
import type { CachedObject } from '#runtime/storage/cache.ts';
import { collectDependent, collectWaitingOwner, orphanDependents, type Collecting } from './collect.ts';
import { createDependentIndex, mayBeDeleting, mayHaveOwners } from './dependent-index.ts';
import {
  foregroundFinalizer,
  isWaitingForDependents,
  orphanFinalizer,
  ownerOf,
  ownerState,
  type Reading,
} from './owners.ts';

/** Before the uid of an owner that is gone, where otherwise a key of an object stands. */
const gonePrefix = 'gone|';

/**
 * Garbage collection by owner references: background, foreground (`blockOwnerDeletion`) and orphan.
 *
 * Guarantees: an object goes only when none of its owners exists under the uid that it names; the cost of a deletion grows with its dependents, not with the
 * store. Absence is certain, because one watch in revision order feeds the whole cache and uids are never given twice: an owner that the cache does not hold at
 * the revision of its dependent is gone for good. It is still read again, no older than the store, before anything is deleted.
 */
export function garbageCollection(reading: Reading): LifecycleTask {
  const { cache } = reading;
  const dependents = createDependentIndex(cache);
  return {
    name: 'garbage-collection',
    workers: 16,
    resync: (queue) => {
      dependents.refill();
      for (const collection of cache.collections()) {
        for (const item of cache.list(collection)) {
          if (needsLook(reading, item)) queue.add(keyOf(item), 'later');
        }
      }
    },
    observe: (event, queue) => {
      const { type, current, previous } = event;
      dependents.replace(type === 'deleted' ? current : previous, type === 'deleted' ? undefined : current);
      if (type === 'deleted') {
        queue.add(`${gonePrefix}${current.object.metadata.uid ?? ''}`);
        for (const owner of waitingOwners(reading, current)) queue.add(keyOf(owner));
      } else {
        if (needsLook(reading, current)) queue.add(keyOf(current));
        for (const owner of previous === undefined ? [] : waitingOwners(reading, previous)) queue.add(keyOf(owner));
      }
    },
    work: async (key, queue) => {
      const collecting: Collecting = { ...reading, dependents, enqueue: (other) => queue.add(other) };
      if (key.startsWith(gonePrefix)) {
        for (const dependent of dependents.dependentsOf(key.slice(gonePrefix.length))) queue.add(keyOf(dependent));
        return;
      }
      const item = objectAt(cache, key);
      if (item !== undefined) await look(collecting, item);
    },
  };
}

async function look(collecting: Collecting, item: CachedObject): Promise<void> {
  const { deletionTimestamp, finalizers = [] } = item.object.metadata;
  if (deletionTimestamp === undefined) return collectDependent(collecting, item);
  if (finalizers.includes(orphanFinalizer)) return orphanDependents(collecting, item);
  if (finalizers.includes(foregroundFinalizer)) return collectWaitingOwner(collecting, item);
}

/** Whether anything is to be done about an object; for most, two look-ups or none. */
function needsLook(reading: Reading, item: CachedObject): boolean {
  if (!mayHaveOwners(item) && !mayBeDeleting(item)) return false;
  const { deletionTimestamp, finalizers, ownerReferences } = item.object.metadata;
  if (deletionTimestamp !== undefined) {
    return finalizers?.some((finalizer) => finalizer === orphanFinalizer || finalizer === foregroundFinalizer) === true;
  }
  if (ownerReferences === undefined) return false;
  return ownerReferences.some((reference) => {
    const state = ownerState(reading, item, reference);
    return state === 'absent' || state === 'waiting';
  });
}

/** Owners that wait for an object: each of its changes may set them free. */
function waitingOwners(reading: Reading, item: CachedObject): readonly CachedObject[] {
  if (!mayHaveOwners(item)) return [];
  return (item.object.metadata.ownerReferences ?? []).flatMap((reference) => {
    const owner = ownerOf(reading, item, reference);
    return owner !== undefined && isWaitingForDependents(owner.object) ? [owner] : [];
  });
}
