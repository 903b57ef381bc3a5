import { setImmediate } from 'node:timers/promises';

/** So long nobody notices. */
const longestMs = 10;

let since = performance.now();
let breath: Promise<void> | undefined;

/**
 * Lets timers and sockets have their turn where work has gone on for a while that never waits for them: what only awaits what is settled already holds up everything
 * else in the process, heartbeats and leases among it. Of many workers the first one to notice has all of them wait for the same turn.
 */
export async function breathe(): Promise<void> {
  if (breath === undefined && performance.now() - since < longestMs) return;
  breath ??= setImmediate().then(() => {
    since = performance.now();
    breath = undefined;
  });
  await breath;
}
