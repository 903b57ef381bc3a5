import { writeSnapshot, type SealedEntry } from '#runtime/snapshot/write.ts';
import { isSealed, keyNameOf } from '#runtime/storage/encryption/seal.ts';
import { parseObjectKey } from '#runtime/storage/object-key.ts';
import type { Entry, Store } from '#runtime/storage/store.ts';
import { firstPage, pagesFrom } from './pages.ts';

export interface SaveOptions {
  /** The store beneath the encryption: values go into the snapshot as they are at rest. */
  readonly store: Store;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/**
 * A snapshot of all objects at one revision, in memory that does not grow with them. What goes by itself (Events) is left out.
 * CompactedError when the store forgets that revision meanwhile.
 */
export async function* saveStore({ store, now, signal }: SaveOptions): AsyncGenerator<Buffer> {
  const first = await firstPage(store, signal);
  const header = { revision: first.revision, takenAt: now.toISOString() };
  yield* writeSnapshot(header, lastingEntries(pagesFrom(store, first, signal)));
}

async function* lastingEntries(pages: AsyncIterable<readonly Entry[]>): AsyncGenerator<readonly SealedEntry[]> {
  for await (const page of pages)
    yield page
      .filter(({ key, expires }) => !expires && parseObjectKey(key) !== undefined)
      .map(({ key, value }) => ({ key, value, encryptionKey: isSealed(value) ? keyNameOf(value) : undefined }));
}
