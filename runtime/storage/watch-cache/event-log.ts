import type { CacheEvent } from '#runtime/storage/cache.ts';
import { CachedEntry } from './cached-entry.ts';

/** How much history is kept for watchers that come back. The oldest events go first. */
export interface HistoryBounds {
  /** Kept whatever their age, as long as `maxBytes` allows. */
  readonly minEvents: number;
  /** Younger events are kept, up to the two bounds below. */
  readonly minAgeMs: number;
  readonly maxEvents: number;
  /** Of the encoded objects, before and after each change: in one log, and in those of all collections together. */
  readonly maxBytes: number;
}

/** How much is read at once. */
export interface ReadBounds {
  readonly events: number;
  /** Of the encoded objects, before and after each change. */
  readonly bytes: number;
}

/**
 * Behind so many newer events, or once it is dropped, the parsed object of an event is let go: those who follow the log have seen it, and those who come back are rare.
 * Measured with 24,000 events of 1.8 KB objects in an indexed collection: 127 MB of heap with them, 35 MB without.
 */
const hotEvents = 1_024;
/** Slots of events that were dropped are empty at once, and given back in steps of this many, so that dropping one costs nothing. */
const slack = 1_024;

/**
 * The last events of one collection (or of all), in revision order. Positions count events from the beginning of time, so a reader needs
 * only a number, and is overtaken when that number is below `first`.
 */
export class EventLog {
  readonly #bounds: HistoryBounds;
  #events: (CacheEvent | undefined)[] = [];
  #times: number[] = [];
  /** Index of the oldest event that is kept. */
  #offset = 0;
  /** Events before index 0. */
  #dropped = 0;
  #sizeBytes = 0;
  #complete: number;
  #news = Promise.withResolvers<void>();

  /** An empty log of what happens after `revision`. */
  constructor(revision: number, bounds: HistoryBounds) {
    this.#complete = revision;
    this.#bounds = bounds;
  }

  /** Position of the oldest event that is kept. */
  get first(): number {
    return this.#dropped + this.#offset;
  }

  /** Position after the newest event. */
  get end(): number {
    return this.#dropped + this.#events.length;
  }

  /** A start at or after this revision finds everything. */
  get complete(): number {
    return this.#complete;
  }

  /** What the events hold, encoded. An object that one event left and the next one found counts for both. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  append(event: CacheEvent, nowMs: number): void {
    this.#events.push(event);
    this.#times.push(nowMs);
    this.#sizeBytes += bytesOf(event);
    coolDown(this.#events[this.#events.length - 1 - hotEvents]);
    while (this.#isExcess(nowMs)) this.dropOldest();
  }

  /** Position of the first event after a revision. */
  positionAfter(revision: number): number {
    return this.#dropped + this.#indexAfter(revision);
  }

  /** From `position` until a bound is reached, and on to the end of that revision. */
  read(position: number, bounds: ReadBounds): readonly CacheEvent[] {
    const events: CacheEvent[] = [];
    let bytes = 0;
    for (let index = position - this.#dropped; ; index++) {
      const event = this.#events[index];
      if (event === undefined) return events;
      const isEnough = events.length >= bounds.events || bytes >= bounds.bytes;
      if (isEnough && event.revision !== events.at(-1)?.revision) return events;
      events.push(event);
      bytes += bytesOf(event);
    }
  }

  dropOldest(): void {
    const event = this.#events[this.#offset];
    if (event === undefined) return;
    this.#complete = Math.max(this.#complete, event.revision);
    this.#sizeBytes -= bytesOf(event);
    coolDown(event);
    this.#events[this.#offset] = undefined;
    this.#offset++;
    if (this.#offset < slack) return;
    this.#events = this.#events.slice(this.#offset);
    this.#times = this.#times.slice(this.#offset);
    this.#dropped += this.#offset;
    this.#offset = 0;
  }

  /** Forgets all: history before `revision` can no longer be told. */
  restart(revision: number): void {
    this.#dropped += this.#events.length;
    this.#events = [];
    this.#times = [];
    this.#offset = 0;
    this.#sizeBytes = 0;
    this.#complete = revision;
  }

  /** Resolves at the next `wake`. */
  wait(): Promise<void> {
    return this.#news.promise;
  }

  wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  #isExcess(nowMs: number): boolean {
    const count = this.#events.length - this.#offset;
    if (count > this.#bounds.maxEvents) return true;
    if (this.#sizeBytes > this.#bounds.maxBytes) return true;
    return count > this.#bounds.minEvents && nowMs - (this.#times[this.#offset] ?? nowMs) > this.#bounds.minAgeMs;
  }

  #indexAfter(revision: number): number {
    let low = this.#offset;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function coolDown(event: CacheEvent | undefined): void {
  if (event?.current instanceof CachedEntry) event.current.cool();
}

/** An event keeps the object before the change from being collected as it does the one after it. */
function bytesOf({ previous, current }: CacheEvent): number {
  return current.bytes.length + (previous?.bytes.length ?? 0);
}

/** Bounds several logs together, and who has most of it pays: a collection with few changes keeps its history. */
export function keepTogether(logs: readonly EventLog[], maxBytes: number): void {
  const sizeBytes = (): number => logs.reduce((sum, log) => sum + log.sizeBytes, 0);
  while (sizeBytes() > maxBytes) logs.reduce((a, b) => (b.sizeBytes > a.sizeBytes ? b : a)).dropOldest();
}
