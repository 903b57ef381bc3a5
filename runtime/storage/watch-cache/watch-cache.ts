import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import { abortable } from '#runtime/base/abortable.ts';
import type { CachedObject, WatchCache } from '#runtime/storage/cache.ts';
import { parseObject } from '#runtime/storage/object-codec.ts';
import { objectPath, registryPrefix } from '#runtime/storage/object-key.ts';
import type { Store } from '#runtime/storage/store.ts';
import { silentLogger, type Logger } from '#runtime/telemetry/logger.ts';
import type { ParseObject } from './cached-entry.ts';
import { createCacheState, type CacheState } from './cache-state.ts';
import type { HistoryBounds } from './event-log.ts';
import { feedState } from './feed.ts';
import { createRevisionGate, type RevisionGate } from './revision-gate.ts';
import { shareCalls } from './shared-call.ts';
import { subscribeTo } from './subscription.ts';
import { syncedRevision } from './synced-revision.ts';

export interface WatchCacheOptions {
  readonly store: Store;
  /** `/registry/` by default. */
  readonly prefix?: string;
  readonly history?: Partial<HistoryBounds>;
  /** How often subscribers without events are told of progress; 1 s by default. */
  readonly progressIntervalMs?: number;
  /** Must keep what the writer of the bytes keeps (large integers); `JSON.parse` by default. */
  readonly parse?: ParseObject;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Ends the cache, as `close` does. */
  readonly signal?: AbortSignal;
}

const defaultHistory: HistoryBounds = {
  minEvents: 1_000,
  minAgeMs: 75_000,
  maxEvents: 65_536,
  maxBytes: 128 * 1024 * 1024,
};

/**
 * Begins to read and watch a store; `ready` resolves when the first read is done, and rejects when the cache is closed before.
 * `subscribe` and `sync` may be used after that. After `close`, subscriptions end and waits reject; what was read can still be read.
 */
export function startWatchCache(options: WatchCacheOptions): WatchCache & { close(): Promise<void> } {
  const { store, prefix = registryPrefix, parse = parseObject, clock = systemClock, log = silentLogger } = options;
  const closing = new AbortController();
  const signal = options.signal === undefined ? closing.signal : AbortSignal.any([options.signal, closing.signal]);
  const gate = createRevisionGate();
  const onForeign = (key: string): void =>
    log.error({ subject: key }, 'a stored value is not an object and was left out');
  const history = { ...defaultHistory, ...options.history };
  const state = createCacheState({ history, parse, now: () => clock.now(), onForeign });
  const loaded = Promise.withResolvers<void>();
  loaded.promise.catch(() => undefined);
  let ticks = 0;
  const reading = { store, prefix, state, parse, onForeign, signal };
  const feeding = feedState({ ...reading, gate, clock, log, onLoaded: loaded.resolve });
  const ticking = repeat(clock, options.progressIntervalMs ?? 1_000, signal, () => {
    ticks++;
    state.log.wake();
    for (const collection of state.states()) collection.log.wake();
  });
  const onClose = (): void => {
    gate.close(closed);
    loaded.reject(closed);
  };
  if (signal.aborted) onClose();
  else signal.addEventListener('abort', onClose);
  const callSync = shareCalls(() => syncedRevision({ store, prefix, gate, signal }));
  const source = { revision: () => gate.revision(), tick: () => ticks, closed: () => signal.aborted };

  return {
    ...readsOf(state, gate),
    ready: loaded.promise,
    get revision() {
      return gate.revision();
    },
    waitFor: (revision, waitOptions) => gate.wait(revision, waitOptions),
    sync: (syncSignal) => abortable(callSync(), syncSignal),
    subscribe: (collection, after, subscriberSignal) => {
      if (gate.revision() === 0) throw new HostError('the watch cache has not read the store yet');
      const events = collection === undefined ? state.log : state.collection(collection).log;
      return subscribeTo({ ...source, log: events }, after, subscriberSignal);
    },
    close: async () => {
      closing.abort(closed);
      await Promise.all([feeding, ticking]);
    },
  };
}

type Reads = Pick<WatchCache, 'get' | 'list' | 'count' | 'snapshot' | 'collections' | 'defineIndex' | 'byIndex'>;

/** What needs no store and no waiting. */
function readsOf(state: CacheState, gate: RevisionGate): Reads {
  return {
    get: (collection, namespace, name) => state.find(collection)?.get(objectPath(namespace, name)),
    list: (collection, namespace) => state.find(collection)?.snapshot(gate.revision()).list(namespace) ?? none,
    count: (collection, namespace) => state.find(collection)?.count(namespace) ?? 0,
    snapshot: (collection) => state.collection(collection).snapshot(gate.revision()),
    collections: () => collectionNames(state),
    defineIndex: (collection, index) => state.collection(collection).defineIndex(index),
    byIndex: (collection, indexName, value) => state.find(collection)?.byIndex(indexName, value) ?? none,
  };
}

const none: Iterable<CachedObject> = [];
const closed = new HostError('the watch cache is closed');

function* collectionNames(state: CacheState): Generator<string> {
  for (const known of state.states()) if (known.count() > 0) yield known.collection;
}

async function repeat(clock: Clock, intervalMs: number, signal: AbortSignal, action: () => void): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(intervalMs, signal).catch(() => undefined);
    action();
  }
}
