import type { CacheEvent } from '#runtime/storage/cache.ts';
import { CachedEntry } from './cached-entry.ts';

/** How much history is kept for watchers that come back. The oldest events go first. */
export interface HistoryBounds {
  /** Kept whatever their age, as long as `maxBytes` allows. */
  readonly minEvents: number;
  /** Younger events are kept, up to the two bounds below. */
  readonly minAgeMs: number;
  readonly maxEvents: number;
  /** Of the encoded objects; the newest hundred events are kept even so. */
  readonly maxBytes: number;
}

const alwaysKept = 100;
/**
 * Behind so many newer events the parsed objects of an event are let go: those who follow the log have seen them, and those who come back are rare.
 * Measured with 24,000 events of 1.8 KB objects in an indexed collection: 127 MB of heap with them, 35 MB without.
 */
const hotEvents = 1_024;
/** Room is given back in steps of this many events, so that dropping one costs nothing. */
const slack = 1_024;

/**
 * The last events of one collection (or of all), in revision order. Positions count events from the beginning of time, so a reader needs
 * only a number, and is overtaken when that number is below `first`.
 */
export class EventLog {
  readonly #bounds: HistoryBounds;
  #events: CacheEvent[] = [];
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

  append(event: CacheEvent, nowMs: number): void {
    this.#events.push(event);
    this.#times.push(nowMs);
    this.#sizeBytes += event.current.bytes.length;
    const cold = this.#events[this.#events.length - 1 - hotEvents];
    if (cold !== undefined) coolDown(cold);
    while (this.#isExcess(nowMs)) this.#dropOldest();
  }

  /** Position of the first event after a revision. */
  positionAfter(revision: number): number {
    return this.#dropped + this.#indexAfter(revision);
  }

  /** From `position`, at least `least` events if there are that many, to the end of a revision. */
  read(position: number, least: number): readonly CacheEvent[] {
    const start = position - this.#dropped;
    const last = this.#events[start + least - 1];
    return this.#events.slice(start, last === undefined ? undefined : this.#indexAfter(last.revision));
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
    if (this.#sizeBytes > this.#bounds.maxBytes && count > alwaysKept) return true;
    return count > this.#bounds.minEvents && nowMs - (this.#times[this.#offset] ?? nowMs) > this.#bounds.minAgeMs;
  }

  #dropOldest(): void {
    const event = this.#events[this.#offset];
    if (event === undefined) return;
    this.#complete = Math.max(this.#complete, event.revision);
    this.#sizeBytes -= event.current.bytes.length;
    this.#offset++;
    if (this.#offset < slack) return;
    this.#events = this.#events.slice(this.#offset);
    this.#times = this.#times.slice(this.#offset);
    this.#dropped += this.#offset;
    this.#offset = 0;
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

function coolDown({ previous, current }: CacheEvent): void {
  if (current instanceof CachedEntry) current.cool();
  if (previous instanceof CachedEntry) previous.cool();
}
