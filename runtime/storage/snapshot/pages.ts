import { registryPrefix } from '#runtime/storage/object-key.ts';
import type { Entry, Range, Store } from '#runtime/storage/store.ts';

const pageSize = 500;

/** The first objects of all, and the revision that they are read at. */
export async function firstPage(store: Store, signal: AbortSignal): Promise<Range> {
  return store.range(registryPrefix, { limit: pageSize, signal });
}

/** All objects as of the revision of `first`, which is the first page of them. */
export async function* pagesFrom(store: Store, first: Range, signal: AbortSignal): AsyncGenerator<readonly Entry[]> {
  const { revision } = first;
  let page = first;
  yield page.entries;
  for (let after = lastKey(page); page.remaining > 0 && after !== undefined; after = lastKey(page)) {
    page = await store.range(registryPrefix, { limit: pageSize, revision, after, signal });
    yield page.entries;
  }
}

function lastKey({ entries }: Range): string | undefined {
  return entries.at(-1)?.key;
}
