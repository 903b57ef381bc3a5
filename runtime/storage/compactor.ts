import type { Clock } from '#runtime/base/clock.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { silentLogger, type Logger } from '#runtime/telemetry/logger.ts';
import type { Store } from './store.ts';

export interface CompactorOptions {
  readonly store: Store;
  readonly signal: AbortSignal;
  /** Between two looks at the store; 5 minutes by default. */
  readonly intervalMs?: number;
  /** History that stays, at least; 10 minutes by default. */
  readonly keepMs?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
}

interface Sample {
  readonly revision: number;
  readonly atMs: number;
}

/**
 * Lets the store forget old history, until the signal aborts. It notes the revision at every interval and compacts to the newest note that
 * is old enough, so nothing is forgotten that is younger than `keepMs`, and little that is older than `keepMs` + `intervalMs` is kept. Several replicas
 * may do this at once. A store that does not answer is asked again at the next interval.
 */
export async function runCompactor(options: CompactorOptions): Promise<void> {
  const { store, signal, intervalMs = 300_000, keepMs = 600_000, clock = systemClock, log = silentLogger } = options;
  let samples: readonly Sample[] = [];
  while (!signal.aborted) {
    try {
      samples = [...samples, { revision: await store.currentRevision(signal), atMs: clock.now() }];
      const now = clock.now();
      const due = samples.findLast((sample) => now - sample.atMs >= keepMs);
      if (due !== undefined) {
        await store.compact(due.revision, signal);
        samples = samples.filter((sample) => sample.atMs > due.atMs);
        log.debug({ revision: due.revision }, 'history was compacted');
      }
    } catch (err) {
      if (signal.aborted) return;
      log.warn({ err }, 'history could not be compacted');
    }
    await clock.sleep(intervalMs, signal).catch(() => undefined);
  }
}
