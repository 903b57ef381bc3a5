import { setTimeout as delay } from 'node:timers/promises';

/** Time as an input: decisions take `now` as an argument, waiting goes through `sleep`, so that tests own both. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (err) {
      throw signal?.aborted === true ? signal.reason : err;
    }
  },
};

/** RFC 3339 with whole seconds, as Kubernetes writes times. */
export function rfc3339(epochMs: number): string {
  const second = Math.floor(epochMs / 1_000);
  if (second !== lastSecond) {
    lastText = `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastText;
}

/** Every write asks for the time twice, and most ask within one second of each other. */
let lastSecond = Number.NaN;
let lastText = '';

/** RFC 3339 with microseconds, as Kubernetes writes MicroTime (Lease, Event). */
export function rfc3339Micro(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000Z`;
}
