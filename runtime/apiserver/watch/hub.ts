import { setTimeout as delay } from 'node:timers/promises';
import type { CacheBatch, Collection, WatchCache } from '#runtime/storage/cache.ts';

/** One watcher as the hub sees it. Called synchronously, in revision order; must not block or throw. */
export interface Sink {
  receive(batch: CacheBatch): void;
  /** History is gone, or the hub ends; nothing follows. */
  fail(error: unknown): void;
}

/**
 * Fans the changes of a collection out to its watchers: one subscription of the cache however many they are.
 *
 * Guarantees: a sink receives every change after `after` exactly once, in order; its first batch may hold history.
 * Errors reach the sink: ApiError 410 when `after` is older than the history that is kept.
 */
export interface WatchHub {
  /** Returns what ends the membership. */
  join(collection: Collection, after: number, sink: Sink): () => void;
  /** Sinks of all collections. */
  readonly watchers: number;
}

interface Channel {
  /** Everything up to here has been given to the sinks. */
  revision: number;
  /** All events after this revision went through this channel. */
  readonly since: number;
  /** Of the last event that went through. */
  lastEvent: number;
  readonly sinks: Set<Sink>;
  readonly controller: AbortController;
}

/** A hub over `cache` that lives until `signal` aborts. */
export function createWatchHub(cache: WatchCache, signal: AbortSignal): WatchHub {
  const channels = new Map<Collection, Channel>();
  let watchers = 0;

  const open = (collection: Collection, after: number): Channel => {
    const since = Math.min(after, cache.revision);
    const controller = new AbortController();
    const batches = cache.subscribe(collection, since, AbortSignal.any([signal, controller.signal]));
    const channel: Channel = { revision: since, since, lastEvent: since, sinks: new Set(), controller };
    channels.set(collection, channel);
    void pump(batches, channel).then((error) => {
      if (channels.get(collection) === channel) channels.delete(collection);
      for (const sink of channel.sinks) sink.fail(error);
      channel.sinks.clear();
    });
    return channel;
  };
  const leave = (collection: Collection, channel: Channel, member: Member): void => {
    watchers -= 1;
    channel.sinks.delete(member);
    member.leave?.();
    if (channel.sinks.size > 0) return;
    if (channels.get(collection) === channel) channels.delete(collection);
    channel.controller.abort();
  };

  return {
    get watchers() {
      return watchers;
    },
    join: (collection, after, sink) => {
      const channel = channels.get(collection) ?? open(collection, after);
      const member = memberOf(cache, collection, { after, channel, sink });
      channel.sinks.add(member);
      watchers += 1;
      let joined = true;
      return () => {
        if (joined) leave(collection, channel, member);
        joined = false;
      };
    },
  };
}

/** A shorter round is not rested from, since no timer is as short. */
const shortRoundMs = 1;
/** Of the time that a round took: a longer rest saves writes, a shorter one tells sooner. */
const restShare = 0.5;
const longestRestMs = 50;

/**
 * Resolves with what ended the subscription; undefined for an end in order. After a round of the sinks the thread is left to others for half
 * as long as the round took: telling has at most two thirds of it, and what comes meanwhile is the next batch, which is one write to each watcher.
 */
async function pump(batches: AsyncIterable<CacheBatch>, channel: Channel): Promise<unknown> {
  try {
    for await (const batch of batches) {
      channel.revision = batch.revision;
      channel.lastEvent = batch.events.at(-1)?.revision ?? channel.lastEvent;
      const startedAt = performance.now();
      for (const sink of channel.sinks) sink.receive(batch);
      const tookMs = performance.now() - startedAt;
      if (tookMs >= shortRoundMs) await delay(Math.min(tookMs * restShare, longestRestMs));
    }
    return undefined;
  } catch (err) {
    return err;
  }
}

interface Member extends Sink {
  leave?(): void;
}

interface Joiner {
  readonly after: number;
  readonly channel: Channel;
  readonly sink: Sink;
}

function memberOf(cache: WatchCache, collection: Collection, joiner: Joiner): Member {
  const { after, channel, sink } = joiner;
  const missedNothing = after >= channel.since && after >= channel.lastEvent;
  return after >= channel.revision || missedNothing ? skipUntil(after, sink) : catchUp(cache, collection, joiner);
}

/** A watcher that has seen more than the channel: it was given the state of a newer revision. */
function skipUntil(after: number, sink: Sink): Member {
  return {
    fail: (error) => sink.fail(error),
    receive: (batch) => {
      if (batch.revision <= after) return;
      const first = batch.events[0];
      if (first === undefined || first.revision > after) sink.receive(batch);
      else sink.receive({ revision: batch.revision, events: batch.events.filter((event) => event.revision > after) });
    },
  };
}

/** A watcher behind the channel: history first, by a subscription of its own, while what the channel brings waits. */
function catchUp(cache: WatchCache, collection: Collection, { after, channel, sink }: Joiner): Member {
  const meeting = channel.revision;
  const controller = new AbortController();
  let waiting: CacheBatch[] | undefined = [];
  const readHistory = async (): Promise<void> => {
    for await (const batch of cache.subscribe(collection, after, controller.signal)) {
      const events =
        batch.revision <= meeting ? batch.events : batch.events.filter((event) => event.revision <= meeting);
      if (events.length > 0) sink.receive({ revision: Math.min(batch.revision, meeting), events });
      if (batch.revision >= meeting) break;
    }
    const held = waiting ?? [];
    waiting = undefined;
    for (const batch of held) sink.receive(batch);
  };
  readHistory().catch((err: unknown) => {
    if (!controller.signal.aborted) sink.fail(err);
  });
  return {
    receive: (batch) => {
      if (waiting === undefined) sink.receive(batch);
      else waiting.push(batch);
    },
    fail: (error) => sink.fail(error),
    leave: () => controller.abort(),
  };
}
