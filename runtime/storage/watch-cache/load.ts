import { BugError } from '#runtime/base/errors.ts';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import { objectKey, objectPath, parseObjectKey } from '#runtime/storage/object-key.ts';
import type { Change, Entry, Range, Store } from '#runtime/storage/store.ts';
import { entryFromStored, type CachedEntry, type ParseObject } from './cached-entry.ts';
import type { CacheState } from './cache-state.ts';

/** Entries a page: the first object can be looked at while the next page is on its way. */
const pageSize = 500;

export interface LoadOptions {
  readonly store: Store;
  readonly prefix: string;
  readonly state: CacheState;
  readonly parse: ParseObject;
  readonly onForeign: (key: string) => void;
  readonly signal: AbortSignal;
}

/** The longest past that is read at the start, in revisions. */
const longestPast = 10_000;

/**
 * A revision to begin with, so that the changes since then are told as events: watchers of a server that was started again, or of another one, go on where
 * they were. It is as far back as the store remembers, within bounds.
 */
export async function historyStart({ store, prefix, signal }: LoadOptions, current: number): Promise<number> {
  const isKept = async (revision: number): Promise<boolean> =>
    store.range(prefix, { limit: 1, revision, signal }).then(
      () => true,
      (err: unknown) => {
        if (err instanceof CompactedError) return false;
        throw err;
      },
    );
  let [forgotten, kept] = [Math.max(0, current - longestPast - 1), current];
  while (kept - forgotten > 1) {
    const between = Math.floor((forgotten + kept) / 2);
    if (await isKept(between)) kept = between;
    else forgotten = between;
  }
  return kept;
}

/** Reads everything for the first time, as of `start` when that is given, and returns the revision that it is at. Tells no events. */
export async function loadFirst(options: LoadOptions, start?: number): Promise<number> {
  const { state } = options;
  const loaded = new Map<string, CachedEntry[]>();
  const revision = await forEachEntry(
    options,
    (entry) => {
      const found = parseObjectKey(entry.key);
      if (found === undefined) return;
      const { collection } = state.collection(found.collection);
      const cached = entryFromStored({ ...found, collection }, entry, options.parse);
      if (cached === undefined) options.onForeign(entry.key);
      else listOf(loaded, collection).push(cached);
    },
    start,
  );
  for (const [collection, entries] of loaded) state.collection(collection).fill(entries);
  state.restartHistory(revision);
  return revision;
}

/**
 * Reads everything again after history was lost, returns the revision of it, and tells what is different as events: changes under their own
 * revision, deletions under that of the read, since their own is not known. Only subscribers that had seen all before go on; a start
 * before that revision is refused from now on.
 */
export async function loadAgain(options: LoadOptions): Promise<number> {
  const { state } = options;
  const changes: Change[] = [];
  const present = new Set<string>();
  const revision = await forEachEntry(options, (entry) => {
    const found = parseObjectKey(entry.key);
    if (found === undefined) return;
    present.add(entry.key);
    const known = state.find(found.collection)?.get(objectPath(found.namespace, found.name));
    if (known?.revision !== entry.revision) changes.push(entry);
  });
  for (const known of state.states())
    for (const { collection, namespace, name } of known.all()) {
      const key = objectKey(collection, namespace, name);
      if (!present.has(key)) changes.push({ key, revision, value: undefined });
    }
  state.restartHistory(revision);
  state.apply(changes.toSorted((a, b) => a.revision - b.revision));
  return revision;
}

/** Visits all entries of one revision in key order, asking for the next page before looking at this one. */
async function forEachEntry(options: LoadOptions, visit: (entry: Entry) => void, start = 0): Promise<number> {
  const { store, prefix, signal } = options;
  let page = await store.range(prefix, { limit: pageSize, signal, ...(start > 0 && { revision: start }) });
  const { revision } = page;
  for (;;) {
    const next = nextPage(options, page, revision);
    for (const entry of page.entries) visit(entry);
    if (next === undefined) return revision;
    page = await next;
  }
}

function nextPage({ store, prefix, signal }: LoadOptions, page: Range, revision: number): Promise<Range> | undefined {
  if (page.remaining === 0) return undefined;
  const after = page.entries.at(-1)?.key;
  if (after === undefined) throw new BugError('a page with more to come is empty');
  const next = store.range(prefix, { limit: pageSize, after, revision, signal });
  // Awaited only after this page has been looked at: a rejection in between is not an unhandled one.
  next.catch(() => undefined);
  return next;
}

function listOf(lists: Map<string, CachedEntry[]>, collection: string): CachedEntry[] {
  const known = lists.get(collection);
  if (known !== undefined) return known;
  const list: CachedEntry[] = [];
  lists.set(collection, list);
  return list;
}
