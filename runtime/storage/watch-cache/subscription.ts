import type { CacheBatch, CacheEvent } from '#runtime/storage/cache.ts';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import { SlowConsumerError } from '#runtime/storage/slow-consumer-error.ts';
import type { EventLog, ReadBounds } from './event-log.ts';

/** About how much a subscriber is given at once: few enough that what was parsed for one of many watchers is there still for the next. */
const batch: ReadBounds = { events: 500, bytes: 4 * 1024 * 1024 };

/** What a subscription reads. */
export interface SubscriptionSource {
  readonly log: EventLog;
  /** All events up to here are in the log. */
  readonly revision: () => number;
  /** Counts the moments at which subscribers without events are told of progress. */
  readonly tick: () => number;
  /** No events will come any more; the log is woken when that becomes true. */
  readonly closed: () => boolean;
}

/**
 * A reader of a log from revision `after` on. It owns nothing but a position, so a thousand of them cost the writer one wake-up; one that is
 * overtaken by the end of the history gets SlowConsumerError. CompactedError at once when the start is older than the history.
 */
export function subscribeTo(source: SubscriptionSource, after: number, signal: AbortSignal): AsyncIterable<CacheBatch> {
  if (after < source.log.complete) throw new CompactedError(after);
  const position = source.log.positionAfter(after);
  return readFrom(source, { position, after }, signal);
}

async function* readFrom(
  source: SubscriptionSource,
  start: { readonly position: number; readonly after: number },
  signal: AbortSignal,
): AsyncGenerator<CacheBatch, void, undefined> {
  const { log } = source;
  let { position } = start;
  let seen = start.after;
  let ticks = source.tick();
  const onAbort = (): void => log.wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted && !source.closed()) {
      if (position < log.first) throw new SlowConsumerError(seen);
      const events = log.read(position, batch);
      position += events.length;
      const isProgress = events.length > 0 || source.tick() > ticks;
      const revision = position === log.end ? source.revision() : (events.at(-1)?.revision ?? seen);
      if (isProgress && revision > seen) {
        const fresh = newerThan(events, seen);
        seen = revision;
        ticks = source.tick();
        yield { revision, events: fresh };
        continue;
      }
      await log.wait();
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Leaves out what a subscriber that began ahead of the cache has seen elsewhere. */
function newerThan(events: readonly CacheEvent[], seen: number): readonly CacheEvent[] {
  const [first] = events;
  return first === undefined || first.revision > seen ? events : events.filter((event) => event.revision > seen);
}
