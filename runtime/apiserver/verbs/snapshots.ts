import type { Collection, CollectionSnapshot } from '#runtime/storage/cache.ts';

/**
 * What the first page of a list saw, kept for its next pages: they come from the same revision without asking the store.
 * A page whose snapshot is gone is read from the store's history instead, so losing one costs time only.
 */
export interface Snapshots {
  put(collection: Collection, snapshot: CollectionSnapshot): void;
  get(collection: Collection, revision: number): CollectionSnapshot | undefined;
}

const keptMs = 60_000;
const maxKept = 32;

/** `now` in milliseconds. */
export function createSnapshots(now: () => number): Snapshots {
  const kept = new Map<string, { readonly snapshot: CollectionSnapshot; readonly untilMs: number }>();
  const forget = (): void => {
    for (const [key, { untilMs }] of kept) if (untilMs <= now() || kept.size > maxKept) kept.delete(key);
  };
  return {
    put: (collection, snapshot) => {
      const key = `${collection} ${snapshot.revision}`;
      kept.delete(key);
      kept.set(key, { snapshot, untilMs: now() + keptMs });
      forget();
    },
    get: (collection, revision) => {
      const found = kept.get(`${collection} ${revision}`);
      return found === undefined || found.untilMs <= now() ? undefined : found.snapshot;
    },
  };
}
