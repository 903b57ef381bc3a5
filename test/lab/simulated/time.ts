import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '#runtime/base/clock.ts';

/** Time that moves only when nothing is left to be done at its present moment. */
export interface SimulatedTime extends Clock {
  /** Does a piece of work; what it sleeps passes in no time, and whoever wakes meanwhile is woken. One at a time. */
  during(work: () => Promise<void>): Promise<void>;
  /** Goes on to the next moment at which somebody wakes; false when that is none before `untilMs`. */
  next(untilMs: number): Promise<boolean>;
}

interface Sleeper {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
  isAwake: boolean;
}

interface Work {
  /** Its own sleeps that have not ended. */
  asleep: number;
}

/** It is `startMs`. */
export function createSimulatedTime(startMs: number): SimulatedTime {
  let nowMs = startMs;
  let order = 0;
  const sleepers = createHeap();
  const works = new AsyncLocalStorage<Work>();
  const sleep: Clock['sleep'] = (ms, signal) =>
    new Promise((resolve, reject) => {
      const work = works.getStore();
      const leave = (): void => {
        sleeper.isAwake = true;
        if (work !== undefined) work.asleep -= 1;
        signal?.removeEventListener('abort', give);
      };
      const give = (): void => {
        leave();
        reject(signal?.reason as Error);
      };
      const wake = (): void => {
        leave();
        resolve();
      };
      const sleeper: Sleeper = { atMs: nowMs + Math.max(0, ms), order: order++, wake, isAwake: false };
      if (work !== undefined) work.asleep += 1;
      signal?.addEventListener('abort', give, { once: true });
      sleepers.push(sleeper);
    });
  /** Wakes whoever is first. */
  const step = (untilMs: number): boolean => {
    for (let first = sleepers.first(); first !== undefined; first = sleepers.first()) {
      if (!first.isAwake && first.atMs > untilMs) return false;
      sleepers.shift();
      if (first.isAwake) continue;
      nowMs = Math.max(nowMs, first.atMs);
      first.wake();
      return true;
    }
    return false;
  };
  return {
    now: () => nowMs,
    sleep,
    during: async (task) => {
      const work: Work = { asleep: 0 };
      let isDone = false;
      const done = works.run(work, task).finally(() => (isDone = true));
      done.catch(() => undefined);
      while (!isDone) {
        // Keys and signatures are made beside the loop and take no time of this clock: only who sleeps himself lets it go on.
        await turn();
        if (!isDone && work.asleep > 0) step(Number.POSITIVE_INFINITY);
      }
      await done;
    },
    next: async (untilMs) => {
      const isWoken = step(untilMs);
      await turn();
      return isWoken;
    },
  };
}

interface Heap {
  push(sleeper: Sleeper): void;
  first(): Sleeper | undefined;
  shift(): void;
}

function isBefore(a: Sleeper, b: Sleeper): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}

/** A binary heap, earliest first. */
function createHeap(): Heap {
  const heap: Sleeper[] = [];
  const swap = (a: number, b: number): void => {
    const [x, y] = [heap[a], heap[b]];
    if (x !== undefined && y !== undefined) [heap[a], heap[b]] = [y, x];
  };
  const isLess = (a: number, b: number): boolean => {
    const [x, y] = [heap[a], heap[b]];
    return x !== undefined && y !== undefined && isBefore(x, y);
  };
  return {
    first: () => heap[0],
    push: (sleeper) => {
      heap.push(sleeper);
      for (let at = heap.length - 1; at > 0 && isLess(at, (at - 1) >> 1); at = (at - 1) >> 1) swap(at, (at - 1) >> 1);
    },
    shift: () => {
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return;
      heap[0] = last;
      for (let at = 0; ;) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        const child = isLess(right, left) ? right : left;
        if (!isLess(child, at)) return;
        swap(child, at);
        at = child;
      }
    },
  };
}
