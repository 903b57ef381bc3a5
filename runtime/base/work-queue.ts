import { backoffMs, type Backoff } from './backoff.ts';
import { systemClock, type Clock } from './clock.ts';
import { createDelays } from './delays.ts';
import { createShares, type Share, type Shares } from './shares.ts';

/** `soon` is what somebody waits for; `later` is what a full pass brings (start, resync), taken when nothing is soon, and at least every ninth time. */
export type Urgency = 'soon' | 'later';

/**
 * Keys that need looking at. A key says which, never what happened: whoever takes it looks at what is true now.
 *
 * Guarantees: a key waits at most once, however often it is added; a key that is being worked on is not given out again before `done`, and
 * comes back afterwards when it was added meanwhile; nothing added is lost; keys of equal urgency come in the order of their arrival, but for those whose
 * share is used up: others overtake them.
 * Assumes: every `take` is followed by `done`. Memory: one entry per key that waits, is worked on, is delayed or has failed.
 */
export interface WorkQueue {
  add(key: string, urgency?: Urgency): void;
  /** Adds it in `delayMs`; of several delays of one key the earliest counts. */
  addAfter(key: string, delayMs: number): void;
  /** Counts a failure and adds the key after its back-off, or at the time given, though never later than the longest back-off; returns that wait in milliseconds. */
  retry(key: string, atMs?: number): number;
  /** Failures since the last `forget`. */
  attempts(key: string): number;
  /** The key went well (or is gone): its back-off starts anew. */
  forget(key: string): void;
  /** The next key; waits for one. `undefined` once the queue is closed. */
  take(): Promise<string | undefined>;
  done(key: string): void;
  /** Keys that wait to be taken now. */
  readonly depth: number;
  /** Gives out nothing more; whoever waits gets `undefined`. */
  close(): void;
}

/** What a queue tells about itself; for metrics. */
export interface WorkQueueObserver {
  onAdded?(): void;
  onTaken?(waitedMs: number): void;
  onDone?(workedMs: number): void;
  onRetry?(): void;
}

export interface WorkQueueOptions {
  /** 0.2 s doubling to 5 min, ± 10 %, unless given. */
  readonly backoff?: Backoff;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
  readonly observer?: WorkQueueObserver;
  /** Asked when the key is about to be given out. Absent: no keys have anything in common. */
  readonly shareOf?: (key: string) => Share | undefined;
}

const defaultBackoff: Backoff = { firstMs: 200, maxMs: 300_000, factor: 2, jitterRatio: 0.1 };
const soonPerLater = 8;

/** An empty queue. Its timers keep the process alive until `close`. */
export function createWorkQueue(options: WorkQueueOptions = {}): WorkQueue {
  const { backoff = defaultBackoff, clock = systemClock, random = Math.random, observer = {} } = options;
  const keys = createKeys(clock, observer, createShares(options.shareOf ?? (() => undefined)));
  const failures = new Map<string, number>();
  let closed = false;
  const add = (key: string, urgency: Urgency = 'soon'): void => {
    if (!closed) keys.add(key, urgency);
  };
  const delays = createDelays(clock, (key) => add(key));
  return {
    add,
    addAfter: (key, delayMs) => {
      if (delayMs <= 0) add(key);
      else delays.add(key, clock.now() + delayMs);
    },
    retry: (key, atMs) => {
      const attempt = (failures.get(key) ?? 0) + 1;
      failures.set(key, attempt);
      observer.onRetry?.();
      const now = clock.now();
      const givenMs = Math.min(Math.max((atMs ?? now) - now, 0), backoff.maxMs);
      const waitMs = atMs === undefined ? backoffMs(backoff, attempt, random) : givenMs;
      delays.add(key, now + waitMs);
      return waitMs;
    },
    attempts: (key) => failures.get(key) ?? 0,
    forget: (key) => void failures.delete(key),
    take: () => (closed ? Promise.resolve(undefined) : keys.take()),
    done: (key) => keys.done(key),
    get depth() {
      return keys.depth();
    },
    close: () => {
      closed = true;
      delays.close();
      keys.release();
    },
  };
}

/** Which keys wait and which are worked on. */
interface Keys {
  add(key: string, urgency: Urgency): void;
  take(): Promise<string | undefined>;
  done(key: string): void;
  depth(): number;
  /** Lets go of everybody who waits. */
  release(): void;
}

function createKeys(clock: Clock, observer: WorkQueueObserver, shares: Shares): Keys {
  const lanes = createLanes();
  /** Since when each key waits; a key that is active too is handed out again after `done`. */
  const waiting = new Map<string, number>();
  const active = new Map<string, number>();
  const urgent = new Set<string>();
  const takers: ((key: string | undefined) => void)[] = [];
  const start = (key: string): string => {
    const now = clock.now();
    const since = waiting.get(key) ?? now;
    waiting.delete(key);
    urgent.delete(key);
    active.set(key, now);
    observer.onTaken?.(now - since);
    return key;
  };
  const offer = (key: string, urgency: Urgency): void => {
    if (takers.length === 0) lanes.push(key, urgency);
    else if (shares.begin(key)) takers.shift()?.(start(key));
  };
  return {
    add: (key, urgency) => {
      const isKnown = waiting.has(key);
      if (isKnown && (urgency === 'later' || urgent.has(key))) return;
      if (!isKnown) {
        waiting.set(key, clock.now());
        observer.onAdded?.();
      }
      if (urgency === 'soon') urgent.add(key);
      if (!active.has(key)) offer(key, urgency);
    },
    take: () => {
      // A promoted key stands in both lanes; the second time it is not waiting any more.
      for (let key = lanes.shift(); key !== undefined; key = lanes.shift()) {
        if (waiting.has(key) && !active.has(key) && shares.begin(key)) return Promise.resolve(start(key));
      }
      return new Promise((resolve) => void takers.push(resolve));
    },
    done: (key) => {
      const since = active.get(key);
      if (since === undefined) return;
      active.delete(key);
      observer.onDone?.(clock.now() - since);
      for (const next of [shares.end(key), key])
        if (next !== undefined && waiting.has(next)) offer(next, urgent.has(next) ? 'soon' : 'later');
    },
    depth: () => waiting.size,
    release: () => {
      for (const taker of takers.splice(0)) taker(undefined);
    },
  };
}

interface Lanes {
  push(key: string, urgency: Urgency): void;
  shift(): string | undefined;
}

function createLanes(): Lanes {
  const soon = createFifo();
  const later = createFifo();
  let soonInARow = 0;
  return {
    push: (key, urgency) => (urgency === 'soon' ? soon : later).push(key),
    shift: () => {
      const fromLater = soonInARow >= soonPerLater && later.size() > 0;
      const key = fromLater ? undefined : soon.shift();
      soonInARow = key === undefined ? 0 : soonInARow + 1;
      return key ?? later.shift();
    },
  };
}

interface Fifo {
  push(key: string): void;
  shift(): string | undefined;
  size(): number;
}

// Array.shift copies the whole array once it is large; a moving head does not.
function createFifo(): Fifo {
  let keys: string[] = [];
  let head = 0;
  return {
    push: (key) => void keys.push(key),
    size: () => keys.length - head,
    shift: () => {
      if (head >= keys.length) return undefined;
      const key = keys[head++];
      if (head > 1024 && head * 2 > keys.length) {
        keys = keys.slice(head);
        head = 0;
      }
      return key;
    },
  };
}
