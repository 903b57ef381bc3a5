import { systemClock, type Clock } from '#runtime/base/clock.ts';
import type { Store } from '#runtime/storage/store.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { EncryptionKeys } from './encryption-keys.ts';
import { rewriteWithPrimaryKey } from './rewrite-with-primary-key.ts';

export interface RotationOptions {
  /** The store beneath the encryption. */
  readonly store: Store;
  readonly keys: EncryptionKeys;
  readonly acceptPlain?: boolean;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

const pauseMs = 100;
const retryMs = 10_000;

/**
 * Brings every value under the first key, a thousand at a time, and says so in the log when an older key is not needed any more.
 * Run at each start: with nothing to do it costs one read of the Secrets.
 */
export async function runRotation(options: RotationOptions): Promise<void> {
  const { log, clock = systemClock, signal } = options;
  while (!signal.aborted) {
    try {
      if ((await onePass(options, clock)) === 0) {
        log.info({ keys: options.keys.length }, 'all secrets are under the first encryption key');
        return;
      }
    } catch (err) {
      if (signal.aborted) return;
      log.warn({ err }, 'secrets could not be brought under the first encryption key and are tried again');
      await clock.sleep(retryMs, signal).catch(() => undefined);
    }
  }
}

/** How many values were not under the first key. */
async function onePass(options: RotationOptions, clock: Clock): Promise<number> {
  let count = 0;
  let after: string | undefined;
  do {
    const step = await rewriteWithPrimaryKey({ ...options, ...(after === undefined ? {} : { after }) });
    count += step.rewritten + step.contended;
    after = step.after;
    await clock.sleep(pauseMs, options.signal);
  } while (after !== undefined);
  return count;
}
