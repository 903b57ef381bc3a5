import type { Store } from '#runtime/storage/store.ts';
import type { RevisionGate } from './revision-gate.ts';

/** How long a revision may take to arrive before we doubt that it belongs to a key of ours. */
const patienceMs = 200;

/** Written when a store that others use too has moved on without us; not an object, so no reader sees it. */
const progressKey = 'progress';

export interface SyncOptions {
  readonly store: Store;
  readonly prefix: string;
  readonly gate: RevisionGate;
  readonly signal: AbortSignal;
}

/**
 * The store's revision now, after the cache has reached it. In a store that others write to as well, that revision may be theirs and never
 * come by the watch (etcd tells of it every ten minutes); then one write below the prefix brings a later one.
 */
export async function syncedRevision({ store, prefix, gate, signal }: SyncOptions): Promise<number> {
  const revision = await store.currentRevision(signal);
  if (await arrives(gate, revision, signal)) return revision;
  await store.commit({ if: [], put: [{ key: `${prefix}${progressKey}`, value: Buffer.from('{}') }] }, signal);
  await gate.wait(revision, { signal });
  return revision;
}

async function arrives(gate: RevisionGate, revision: number, signal: AbortSignal): Promise<boolean> {
  return gate.wait(revision, { timeoutMs: patienceMs, signal }).then(
    () => true,
    () => {
      signal.throwIfAborted();
      return revision <= gate.revision();
    },
  );
}
