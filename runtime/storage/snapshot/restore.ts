import { RefusedError } from '#runtime/base/errors.ts';
import type { SnapshotEntry, SnapshotSummary } from '#runtime/snapshot/format.ts';
import { readSnapshot } from '#runtime/snapshot/read.ts';
import { registryPrefix } from '#runtime/storage/object-key.ts';
import { claimForRestore, claimLost, releaseRestored, type RestoreClaim } from '#runtime/storage/store-record.ts';
import type { Entry, Store, Transaction } from '#runtime/storage/store.ts';
import { firstPage, pagesFrom } from './pages.ts';

export interface RestoreOptions {
  /** The database itself: neither encrypted nor rebased. */
  readonly store: Store;
  /** The snapshot from its beginning. Read three times: to check it, to write it, to compare. */
  readonly read: () => AsyncIterable<Buffer>;
  /** Throws when the server that will use the store could not read this value. */
  readonly requireReadable: (key: string, value: Buffer) => unknown;
  readonly signal: AbortSignal;
}

/**
 * How much higher revisions go on than in the snapshot. The store that was lost may have gone on for a while after it, and no revision that
 * its clients know may ever be one of the new store's: it would let them go on where they were, without what happened before.
 */
const revisionLeap = 1_000_000_000;

/** A transaction of etcd has 128 operations at most. */
const batchEntries = 100;
const batchBytes = 1_000_000;

/**
 * Fills an empty store with a snapshot that was checked as a whole before. Until all is there no server uses the store, and whatever
 * stops it, it may be run again: it begins anew. RefusedError says why nothing can be, or was, restored.
 */
export async function restoreStore(options: RestoreOptions): Promise<SnapshotSummary> {
  const { store, read, requireReadable, signal } = options;
  const summary = await readSnapshot(read(), { entry: ({ key, value }) => void requireReadable(key, value) });
  const claim = await claimForRestore(store, signal);
  if (claim.isRepeated) await clear(options, claim);
  await write(options, claim);
  await compare(options);
  // History begins after the restore, so that nobody is told of its steps.
  await store.compact(await store.currentRevision(signal), signal);
  await releaseRestored(store, claim, { revisionBase: summary.revision + revisionLeap, signal });
  return summary;
}

/** Removes what a restore that did not end has left. */
async function clear({ store, signal }: RestoreOptions, claim: RestoreClaim): Promise<void> {
  for await (const page of pagesFrom(store, await firstPage(store, signal), signal))
    for (let at = 0; at < page.length; at += batchEntries)
      await commit(store, claim, { delete: page.slice(at, at + batchEntries).map(({ key }) => key) }, signal);
}

async function write({ store, read, signal }: RestoreOptions, claim: RestoreClaim): Promise<void> {
  let batch: SnapshotEntry[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await commit(store, claim, { put: batch }, signal);
    batch = [];
    bytes = 0;
  };
  await readSnapshot(read(), {
    entry: async (entry) => {
      const weight = entry.key.length + entry.value.length;
      if (batch.length === batchEntries || bytes + weight > batchBytes) await flush();
      batch.push(entry);
      bytes += weight;
    },
  });
  await flush();
}

async function commit(
  store: Store,
  claim: RestoreClaim,
  changes: Omit<Transaction, 'if'>,
  signal: AbortSignal,
): Promise<void> {
  const outcome = await store.commit({ if: [claim.condition], ...changes }, signal);
  if (!outcome.committed) throw claimLost();
}

/** What is in the store now is what is in the snapshot, and nothing else. */
async function compare({ store, read, signal }: RestoreOptions): Promise<void> {
  const stored = entriesOf(store, signal);
  await readSnapshot(read(), {
    entry: async ({ key, value }) => {
      const { value: found } = await stored.next();
      if (found?.key !== key || !found.value.equals(value)) throw disturbed(key);
    },
  });
  const { value: more } = await stored.next();
  if (more !== undefined) throw disturbed(more.key);
}

async function* entriesOf(store: Store, signal: AbortSignal): AsyncGenerator<Entry, undefined> {
  for await (const page of pagesFrom(store, await firstPage(store, signal), signal)) yield* page;
  return undefined;
}

function disturbed(key: string): RefusedError {
  return new RefusedError(
    'RestoreDisturbed',
    `Something else writes below ${registryPrefix} of this store, at ${key}: find and stop it, then restore again.`,
  );
}
