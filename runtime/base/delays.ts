import type { Clock } from './clock.ts';

/** Keys that are due at a time, under one timer for all of them. */
export interface Delays {
  /** Fires `key` at `atMs` (epoch); an earlier time that already stands is kept. */
  add(key: string, atMs: number): void;
  close(): void;
}

// A reason that exists already: making an exception with its stack for each new first key costs more than the timer.
const superseded = new Error('an earlier key waits now');

interface Due {
  readonly key: string;
  readonly atMs: number;
}

/** Calls `fire` once per key when its time has come; a binary heap, so 100,000 schedules cost one timer. */
export function createDelays(clock: Clock, fire: (key: string) => void): Delays {
  const heap: Due[] = [];
  const dueAt = new Map<string, number>();
  let sleeping: { readonly untilMs: number; readonly wake: AbortController } | undefined;
  let closed = false;

  const fireDue = (): void => {
    const now = clock.now();
    for (let first = heap[0]; first !== undefined && first.atMs <= now; first = heap[0]) {
      popFirst(heap);
      if (dueAt.get(first.key) !== first.atMs) continue;
      dueAt.delete(first.key);
      fire(first.key);
    }
  };
  const arm = (): void => {
    const first = heap[0];
    if (closed || first === undefined || (sleeping !== undefined && sleeping.untilMs <= first.atMs)) return;
    sleeping?.wake.abort(superseded);
    const current = { untilMs: first.atMs, wake: new AbortController() };
    sleeping = current;
    // Node's timers overflow beyond 2^31 - 1 ms and then fire at once.
    const waitMs = Math.min(Math.max(first.atMs - clock.now(), 0), 2 ** 31 - 1);
    const wakeUp = (): void => {
      if (sleeping !== current) return;
      sleeping = undefined;
      fireDue();
      arm();
    };
    clock.sleep(waitMs, current.wake.signal).then(wakeUp, () => undefined);
  };
  return {
    add: (key, atMs) => {
      const known = dueAt.get(key);
      if (closed || (known !== undefined && known <= atMs)) return;
      dueAt.set(key, atMs);
      push(heap, { key, atMs });
      arm();
    },
    close: () => {
      closed = true;
      sleeping?.wake.abort(superseded);
      sleeping = undefined;
      heap.length = 0;
      dueAt.clear();
    },
  };
}

function push(heap: Due[], due: Due): void {
  let at = heap.length;
  heap.push(due);
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt];
    if (parent === undefined || parent.atMs <= due.atMs) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = due;
}

function popFirst(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const childAt = smallerChild(heap, at);
    const child = heap[childAt];
    if (child === undefined || child.atMs >= last.atMs) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = last;
}

function smallerChild(heap: readonly Due[], at: number): number {
  const left = 2 * at + 1;
  const a = heap[left];
  const b = heap[left + 1];
  return a !== undefined && b !== undefined && b.atMs < a.atMs ? left + 1 : left;
}
