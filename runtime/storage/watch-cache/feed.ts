import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { loadAgain, loadFirst, type LoadOptions } from './load.ts';
import type { RevisionGate } from './revision-gate.ts';

const backoff: Backoff = { firstMs: 50, maxMs: 5_000, factor: 2, jitterRatio: 0.3 };

export interface FeedOptions extends LoadOptions {
  readonly gate: RevisionGate;
  readonly clock: Clock;
  readonly log: Logger;
  /** A read of everything is done. */
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
  while (!signal.aborted) {
    try {
      if (!current) await load(options, loaded);
      loaded = current = true;
      await follow(options, () => (failures = 0));
      failures++;
    } catch (err) {
      if (signal.aborted) return;
      failures++;
      current &&= !(err instanceof CompactedError);
      log.warn({ err, attempts: failures }, 'watch cache lost the store and tries again');
    }
    await clock.sleep(backoffMs(backoff, failures), signal).catch(() => undefined);
  }
}

async function load(options: FeedOptions, again: boolean): Promise<void> {
  options.gate.reach(await (again ? loadAgain(options) : loadFirst(options)));
  options.onLoaded();
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
