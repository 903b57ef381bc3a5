import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { Client, ListOptions, ResourceType, WatchEvent } from '#runtime/client/client.ts';
import { listAll } from '#runtime/client/list-pages.ts';
import { apiVersionOfType } from '#runtime/client/resource-type.ts';
import { isExpired, isTooLargeRevision } from '#runtime/client/status-error.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { CacheIndex } from './cache.ts';
import { createCopy, type Copy, type ObjectChange } from './informer-copy.ts';
import { createObjectStore, storeKeyOf, type ObjectStore } from './object-store.ts';
import { compareResourceVersions } from './resource-version.ts';

export type { ObjectChange } from './informer-copy.ts';

/**
 * A copy of one collection (or of a selection of it) that follows the server.
 *
 * | state    | does                                             | on success           | on failure                                    |
 * | -------- | ------------------------------------------------ | -------------------- | --------------------------------------------- |
 * | unknown  | reads all, as a stream (WatchList) or by pages   | following            | waits, unknown again                          |
 * | following| watches from the last complete revision          | following            | 410: unknown; others: waits, following again  |
 *
 * Guarantees: a full read replaces the store at once, deletions that were missed included; every change is told once, in revision order, after the store shows it;
 * revisions never go backwards; once synced, the store keeps its last state whatever happens to the server. Listeners that throw are logged and disturb nobody.
 */
export interface Informer {
  readonly type: ResourceType;
  readonly store: ObjectStore;
  readonly isSynced: boolean;
  /** Resolves after the first full read. */
  readonly synced: Promise<void>;
  addIndex(index: CacheIndex): void;
  subscribe(listener: (change: ObjectChange) => void): void;
  /** Follows until the signal aborts; called once. */
  run(signal: AbortSignal): Promise<void>;
}

export interface InformerOptions {
  readonly client: Client;
  readonly type: ResourceType;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly namespace?: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random?: () => number;
  readonly backoff?: Backoff;
  /** Only metadata is asked for and kept: of Secrets nobody here needs the values. */
  readonly metadataOnly?: boolean;
  /** An object that leaves the selection without being deleted stays in the copy for so long: others of the kind's informers may not show it yet. */
  readonly lingerMs?: number;
  /** Entries of managedFields by other managers are dropped from the copy: nobody here reads them, and they are half of it. */
  readonly keepsManager?: (manager: string) => boolean;
}

const defaultBackoff: Backoff = { firstMs: 250, maxMs: 30_000, factor: 2, jitterRatio: 0.5 };
/** As client-go: ends are spread, so that a server does not lose all watches at once. */
const watchSeconds = { least: 300, spread: 300 };
/** A linearizable read that is older than what was seen means another store (restored from a backup). Accepted when it says so this often. */
const triesBeforeOlderStore = 3;
const shortWatchMs = 1_000;
const longestFillMs = 60_000;

/** An informer that has read nothing yet. */
export function createInformer(options: InformerOptions): Informer {
  const store = createObjectStore();
  const listeners: ((change: ObjectChange) => void)[] = [];
  const synced = Promise.withResolvers<void>();
  const tell = (change: ObjectChange): void => {
    for (const listener of listeners) {
      try {
        listener(change);
      } catch (err) {
        options.log.error({ err, kind: options.type.kind }, 'listener of an informer failed');
      }
    }
  };
  let isSynced = false;
  const { lingerMs, clock } = options;
  const copy = createCopy({
    store,
    tell,
    onFilled: () => {
      isSynced = true;
      synced.resolve();
    },
    putOff: lingerMs === undefined ? undefined : (work) => void clock.sleep(lingerMs).then(work),
  });
  return {
    type: options.type,
    store,
    synced: synced.promise,
    get isSynced() {
      return isSynced;
    },
    addIndex: (index) => store.addIndex(index),
    subscribe: (listener) => void listeners.push(listener),
    run: async (signal) => await follow({ ...options, copy, signal }),
  };
}

interface Following extends InformerOptions {
  readonly copy: Copy;
  readonly signal: AbortSignal;
}

async function follow(options: Following): Promise<void> {
  const { signal, clock, random = Math.random, backoff = defaultBackoff } = options;
  const progress: Progress = { failures: 0, olderStores: 0, streams: true };
  while (!signal.aborted) {
    try {
      await step(options, progress);
    } catch (err) {
      if (signal.aborted) return;
      recover(options, progress, err);
    }
    if (progress.failures === 0) continue;
    await clock.sleep(backoffMs(backoff, progress.failures, random), signal).catch(() => undefined);
  }
}

async function step(options: Following, progress: Progress): Promise<void> {
  const { copy, clock } = options;
  if (copy.position === undefined && !progress.streams) return await readPages(options, progress);
  const startedMs = clock.now();
  await followStream(options, progress, copy.position === undefined);
  // A server that ends every watch at once must not be asked in a circle.
  if (clock.now() - startedMs < shortWatchMs) progress.failures += 1;
}

function recover(options: Following, progress: Progress, err: unknown): void {
  const { copy, log, type } = options;
  if (copy.position === undefined && progress.streams && isStreamRefused(err)) {
    progress.streams = false;
    return;
  }
  progress.failures += 1;
  if (isExpired(err) || isTooLargeRevision(err)) copy.position = undefined;
  log.warn({ err, kind: type.kind, failures: progress.failures }, 'informer lost the server');
}

interface Progress {
  failures: number;
  olderStores: number;
  /** Whether the server can send a full read as a stream; until it refuses. */
  streams: boolean;
}

// 422 or 400: the feature is off; 406: it does not stream in this form.
function isStreamRefused(err: unknown): boolean {
  return err instanceof ApiError && (err.status === 422 || err.status === 400 || err.status === 406);
}

async function readPages(options: Following, progress: Progress): Promise<void> {
  const { client, type } = options;
  const { items, resourceVersion } = await listAll(client, type, { ...selectionOf(options), signal: options.signal });
  acceptFull(options, progress, items, resourceVersion);
}

function acceptFull(options: Following, progress: Progress, objects: readonly KubeObject[], revision: string): void {
  const { copy, log, type } = options;
  if (compareResourceVersions(revision, copy.newest) < 0) {
    progress.olderStores += 1;
    const facts = { kind: type.kind, seen: copy.newest, offered: revision };
    if (progress.olderStores < triesBeforeOlderStore) {
      throw new ApiError(410, 'Expired', `revision ${revision} is older than ${copy.newest ?? ''}`);
    }
    log.error(facts, 'the store behind the server went back in time');
  }
  progress.failures = 0;
  progress.olderStores = 0;
  copy.replace(
    objects.map((object) => trimmed(options, object)),
    revision,
  );
}

function selectionOf(options: InformerOptions): ListOptions {
  const { labelSelector, fieldSelector, namespace, metadataOnly } = options;
  return { labelSelector, fieldSelector, namespace, as: metadataOnly === true ? 'PartialObjectMetadata' : undefined };
}

/** One watch until it ends; with `fills`, the present state comes first and is closed by a bookmark (KEP-3157). */
async function followStream(options: Following, progress: Progress, fills: boolean): Promise<void> {
  const fill = fills ? createFill(options, progress) : undefined;
  try {
    for await (const event of openWatch(options, fill?.signal ?? options.signal, fills)) {
      if (fill === undefined || fill.isDone()) followEvent(options, progress, event);
      else fill.take(event);
    }
  } finally {
    fill?.lift();
  }
  if (fill?.isDone() === false) throw unfinishedFill();
}

function openWatch(options: Following, signal: AbortSignal, fills: boolean): AsyncIterable<WatchEvent> {
  const { client, type, copy, random = Math.random } = options;
  return client.watch(type, {
    ...selectionOf(options),
    ...(fills ? { sendInitialEvents: true } : { resourceVersion: copy.position }),
    timeoutSeconds: Math.round(watchSeconds.least + watchSeconds.spread * random()),
    signal,
  });
}

function followEvent(options: Following, progress: Progress, event: WatchEvent): void {
  const { copy } = options;
  progress.failures = 0;
  if (event.type === 'BOOKMARK') copy.advance(event.object.metadata.resourceVersion);
  else copy.apply(event.type, trimmed(options, event.object));
}

/** Collects a streamed read, and puts it in place when it is complete. */
interface Fill {
  /** Ends the watch when the read is not complete in time. */
  readonly signal: AbortSignal;
  lift(): void;
  isDone(): boolean;
  take(event: WatchEvent): void;
}

function createFill(options: Following, progress: Progress): Fill {
  const deadline = fillDeadline(options.clock, options.signal);
  const found = new Map<string, KubeObject>();
  let isDone = false;
  return {
    ...deadline,
    isDone: () => isDone,
    take: (event) => {
      const revision = collect(found, event);
      if (revision === undefined) return;
      isDone = true;
      deadline.lift();
      acceptFull(options, progress, [...found.values()], revision);
      found.clear();
    },
  };
}

/** The revision at which the collection is complete, once it is. */
function collect(found: Map<string, KubeObject>, event: WatchEvent): string | undefined {
  if (event.type === 'BOOKMARK') {
    const { annotations, resourceVersion = '' } = event.object.metadata;
    return annotations?.['k8s.io/initial-events-end'] === 'true' ? resourceVersion : undefined;
  }
  if (event.type === 'DELETED') found.delete(storeKeyOf(event.object));
  else found.set(storeKeyOf(event.object), event.object);
  return undefined;
}

// Servers that know nothing of streamed reads ignore the parameter, and their watch never says that all is there.
function fillDeadline(clock: Clock, signal: AbortSignal): { readonly signal: AbortSignal; lift(): void } {
  const overdue = new AbortController();
  const lifted = new AbortController();
  clock.sleep(longestFillMs, AbortSignal.any([signal, lifted.signal])).then(
    () => overdue.abort(unfinishedFill()),
    () => undefined,
  );
  return { signal: AbortSignal.any([signal, overdue.signal]), lift: () => lifted.abort() };
}

function unfinishedFill(): ApiError {
  return new ApiError(422, 'Invalid', 'the server sent no end of the initial events');
}

/** What is kept of an object: all but the marks of other field managers, or its metadata alone. */
function trimmed(options: InformerOptions, object: KubeObject): KubeObject {
  const { keepsManager: keeps, metadataOnly, type } = options;
  const { managedFields } = object.metadata;
  if (managedFields !== undefined && keeps !== undefined) {
    // The object was parsed for us alone and nobody else has seen it yet.
    Object.assign(object.metadata, { managedFields: managedFields.filter((entry) => keeps(entry.manager ?? '')) });
  }
  if (metadataOnly !== true) return object;
  return { apiVersion: apiVersionOfType(type), kind: type.kind, metadata: object.metadata };
}
