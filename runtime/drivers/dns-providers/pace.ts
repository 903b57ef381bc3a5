import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { PostponedError } from '#runtime/base/errors.ts';

/** How fast one account asks its provider: never before the provider wants it, and no faster than it allows. */
export interface Pace {
  /** Resolves when the next request may go. PostponedError `RateLimited` when that is long from now. */
  turn(signal: AbortSignal): Promise<void>;
  /** The provider wants nothing for so long; longer ones count. */
  holdFor(ms: number): PostponedError;
}

export interface PaceOptions {
  readonly name: string;
  readonly burst: number;
  readonly perSecond: number;
  readonly clock: Clock;
}

/** Who waits longer lets others have the turn. */
const longestWaitMs = 10_000;

export function createPace({ name, burst, perSecond, clock }: PaceOptions): Pace {
  const stepMs = 1_000 / perSecond;
  /** When the last of all turns that were given out has been paid for. */
  let paidAtMs = 0;
  let heldUntilMs = 0;
  const limited = (): PostponedError =>
    new PostponedError('RateLimited', `${name} takes no more requests before ${rfc3339(heldUntilMs + 999)}`, {
      untilMs: heldUntilMs,
    });
  return {
    turn: async (signal) => {
      const now = clock.now();
      if (heldUntilMs - now > longestWaitMs) throw limited();
      paidAtMs = Math.max(paidAtMs, now - burst * stepMs) + stepMs;
      const atMs = Math.max(paidAtMs, heldUntilMs);
      if (atMs > now) await clock.sleep(atMs - now, signal);
      if (heldUntilMs > clock.now() + longestWaitMs) throw limited();
    },
    holdFor: (ms) => {
      heldUntilMs = Math.max(heldUntilMs, clock.now() + ms);
      return limited();
    },
  };
}
