import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { historyStart, loadAgain, loadFirst, type LoadOptions } from './load.ts';
import type { RevisionGate } from './revision-gate.ts';
import { syncedRevision } from './synced-revision.ts';

const backoff: Backoff = { firstMs: 50, maxMs: 5_000, factor: 2, jitterRatio: 0.3 };

export interface FeedOptions extends LoadOptions {
  readonly gate: RevisionGate;
  readonly clock: Clock;
  readonly log: Logger;
  /** All that the store holds has been read for the first time. */
  readonly onLoaded: () => void;
}

/**
 * Keeps the state in step with the store until the signal aborts:
 * first read → watch ⇄ (history lost) read again. Whatever fails is tried again with growing waits, from the revision reached.
 */
export async function feedState(options: FeedOptions): Promise<void> {
  const { clock, log, signal } = options;
  let loaded = false;
  let current = false;
  let failures = 0;
  let present = 0;
  while (!signal.aborted) {
    try {
      if (!current) present = await load(options, loaded);
      loaded = current = true;
      await follow(options, () => (failures = 0));
      failures++;
    } catch (err) {
      if (signal.aborted) return;
      failures++;
      // What cannot be read of the past (its keys may be gone) is done without.
      current &&= !(err instanceof CompactedError) && options.gate.revision() >= present;
      log.warn({ err, attempts: failures }, 'watch cache lost the store and tries again');
    }
    await clock.sleep(backoffMs(backoff, failures), signal).catch(() => undefined);
  }
}

/** Returns the revision at which the past ends that is still to be told. */
async function load(options: FeedOptions, again: boolean): Promise<number> {
  const { store, gate, log, signal } = options;
  const present = await store.currentRevision(signal);
  const read = async (): Promise<number> => {
    if (again) return loadAgain(options);
    try {
      return await loadFirst(options, await historyStart(options, present));
    } catch (err) {
      signal.throwIfAborted();
      log.warn({ err }, 'the past could not be read: watches begin anew');
      return loadFirst(options);
    }
  };
  gate.reach(await read());
  if (!again) void announce(options);
  return present;
}

/** Says that everything is there, once what had happened by now is told, too. */
async function announce(options: FeedOptions): Promise<void> {
  const { clock, signal } = options;
  for (let failures = 1; ; failures++) {
    try {
      await syncedRevision(options);
      return options.onLoaded();
    } catch {
      await clock.sleep(backoffMs(backoff, failures), signal).catch(() => undefined);
      if (signal.aborted) return undefined;
    }
  }
}

/** Applies what the watch brings until it ends. */
async function follow({ store, prefix, state, gate, signal }: FeedOptions, onBatch: () => void): Promise<void> {
  for await (const batch of store.watch(prefix, gate.revision(), signal)) {
    state.apply(batch.changes);
    // After the state, so that whoever waits for a revision finds it applied.
    gate.reach(batch.revision);
    onBatch();
  }
}
