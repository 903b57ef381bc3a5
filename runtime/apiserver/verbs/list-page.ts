import { ApiError } from '#runtime/base/errors.ts';
import { expired } from '#runtime/apiserver/http/api-errors.ts';
import type { CachedObject, CollectionSnapshot } from '#runtime/storage/cache.ts';
import { collectionPrefix, objectKey, objectPath } from '#runtime/storage/object-key.ts';
import { cachedFromEntry } from './live-object.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import type { VerbContext } from './context.ts';
import { reach } from './get.ts';
import type { ListOptions } from './list-options.ts';
import { candidates, selects, type Selection } from './selection.ts';

/** One page of a list, or all of it. */
export interface Page {
  readonly revision: number;
  readonly objects: readonly CachedObject[];
  /** Empty when nothing follows. */
  readonly continue: string;
  /** Objects after this page; only known without selectors. */
  readonly remaining: number | undefined;
}

/**
 * Reads what a list asks for. The state is that of one revision: the newest, one not older than asked, exactly the one asked, or that of the
 * first page. Errors: 410 Expired with a fresh token when history is gone; 504 for a revision that is still to come.
 */
export async function readPage(context: VerbContext, selection: Selection, options: ListOptions): Promise<Page> {
  if (options.continue !== '') return continued(context, selection, options);
  const { resourceVersion, match, limit } = options;
  const exact =
    resourceVersion !== undefined && resourceVersion > 0 && (match === 'Exact' || (match === undefined && limit > 0));
  if (exact) {
    await reach(context, resourceVersion);
    return atRevision(context, selection, { limit, revision: resourceVersion, after: undefined });
  }
  await reach(context, resourceVersion);
  return newest(context, selection, resourceVersion === 0 ? 0 : limit);
}

interface Start {
  readonly limit: number;
  readonly revision: number;
  readonly after: Place | undefined;
}

interface Place {
  readonly namespace: string;
  readonly name: string;
}

async function continued(context: VerbContext, selection: Selection, options: ListOptions): Promise<Page> {
  const token = decodeContinue(options.continue);
  const after = placeOf(token.after, selection);
  if (token.revision >= 0)
    return atRevision(context, selection, { limit: options.limit, revision: token.revision, after });
  await reach(context, undefined);
  const snapshot = context.cache.snapshot(selection.resource.info.collection);
  return pageOf(context, selection, { snapshot, after, limit: options.limit });
}

function placeOf(path: string, selection: Selection): Place {
  const slash = path.indexOf('/');
  if (slash === -1) return { namespace: selection.namespace, name: path };
  return { namespace: path.slice(0, slash), name: path.slice(slash + 1) };
}

function newest(context: VerbContext, selection: Selection, limit: number): Page {
  const { cache } = context;
  if (limit > 0) {
    const snapshot = cache.snapshot(selection.resource.info.collection);
    return pageOf(context, selection, { snapshot, after: undefined, limit });
  }
  const { revision } = cache;
  const found = candidates(cache, selection);
  const objects = selection.everything ? [...found] : [...found].filter((cached) => selects(selection, cached));
  return { revision, objects, continue: '', remaining: undefined };
}

/** The collection at an old revision: from the snapshot that an earlier page left, else from the store's history. */
async function atRevision(context: VerbContext, selection: Selection, start: Start): Promise<Page> {
  const { collection } = selection.resource.info;
  const { cache, snapshots } = context;
  const held =
    snapshots.get(collection, start.revision) ??
    (cache.revision === start.revision ? cache.snapshot(collection) : undefined);
  if (held !== undefined) return pageOf(context, selection, { snapshot: held, ...start });
  try {
    return await fromHistory(context, selection, start);
  } catch (err) {
    if (err instanceof ApiError && err.status === 410 && start.after !== undefined)
      throw expiredToken(start.after, cache.revision);
    throw err;
  }
}

function expiredToken(after: Place, revision: number): ApiError {
  const fresh = encodeContinue({ revision: -1, after: objectPath(after.namespace, after.name) });
  return expired(
    `The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list. (current revision ${revision})`,
    fresh,
  );
}

function pageOf(
  context: VerbContext,
  selection: Selection,
  from: { readonly snapshot: CollectionSnapshot; readonly after: Place | undefined; readonly limit: number },
): Page {
  const { snapshot, after, limit } = from;
  const objects: CachedObject[] = [];
  let more = false;
  for (const cached of snapshot.list(selection.namespace, after)) {
    if (!selects(selection, cached)) continue;
    more = limit > 0 && objects.length === limit;
    if (more) break;
    objects.push(cached);
  }
  const last = objects.at(-1);
  if (!more || last === undefined) return { revision: snapshot.revision, objects, continue: '', remaining: undefined };
  context.snapshots.put(selection.resource.info.collection, snapshot);
  return {
    revision: snapshot.revision,
    objects,
    continue: encodeContinue({ revision: snapshot.revision, after: objectPath(last.namespace, last.name) }),
    remaining: selection.everything ? remainingAfter(snapshot, selection.namespace, last) : undefined,
  };
}

function remainingAfter(snapshot: CollectionSnapshot, namespace: string, last: Place): number {
  let count = 0;
  const rest = snapshot.list(namespace, last)[Symbol.iterator]();
  while (rest.next().done !== true) count += 1;
  return count;
}

/** Entries are read in pieces of this many while a selector leaves them out. */
const historyPiece = 500;

async function fromHistory(context: VerbContext, selection: Selection, start: Start): Promise<Page> {
  const { limit, revision } = start;
  const objects: CachedObject[] = [];
  for await (const { cached, left } of historyOf(context, selection, start)) {
    if (!selects(selection, cached)) continue;
    if (limit > 0 && objects.length === limit) return partialPage(selection, revision, { objects, left });
    objects.push(cached);
  }
  return { revision, objects, continue: '', remaining: undefined };
}

/** What was there at a revision, in order; `left` counts from this one to the end. */
async function* historyOf(
  context: VerbContext,
  selection: Selection,
  { limit, revision, after: start }: Start,
): AsyncGenerator<{ readonly cached: CachedObject; readonly left: number }> {
  const { collection } = selection.resource.info;
  const prefix = collectionPrefix(collection, selection.namespace);
  const piece = limit === 0 ? historyPiece : Math.min(historyPiece, limit + 1);
  let after = start === undefined ? undefined : objectKey(collection, start.namespace, start.name);
  for (let more = true; more;) {
    const from = after === undefined ? {} : { after };
    const range = await context.store.range(prefix, { revision, limit: piece, signal: context.signal, ...from });
    for (const [index, entry] of range.entries.entries()) {
      yield { cached: cachedFromEntry(entry), left: range.entries.length - index + range.remaining };
    }
    after = range.entries.at(-1)?.key;
    more = range.remaining > 0 && after !== undefined;
  }
}

function partialPage(
  selection: Selection,
  revision: number,
  read: { readonly objects: readonly CachedObject[]; readonly left: number },
): Page {
  const last = read.objects.at(-1);
  const after = last === undefined ? '' : objectPath(last.namespace, last.name);
  return {
    revision,
    objects: read.objects,
    continue: encodeContinue({ revision, after }),
    remaining: selection.everything ? read.left : undefined,
  };
}
