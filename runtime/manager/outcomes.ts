import { rfc3339 } from '#runtime/base/clock.ts';
import { InvalidError, PostponedError, RefusedError, Wcp360Error } from '#runtime/base/errors.ts';
import type { Outcome } from './controller.ts';

/** The outcome of a round that threw; `refused` when trying the same again is of no use. */
export function refusalOf(err: unknown): Extract<Outcome, { phase: 'refused' }> | undefined {
  if (err instanceof RefusedError) return { phase: 'refused', reason: err.reason, message: err.message };
  if (err instanceof InvalidError) return { phase: 'refused', reason: 'Invalid', message: err.message };
  return undefined;
}

/** The outcome of a round that will be tried again. What this program got wrong itself is told in the log only. */
export function failureOf(
  err: unknown,
  next: { readonly attempts: number; readonly atMs: number },
): Extract<Outcome, { phase: 'failed' }> {
  return {
    phase: 'failed',
    reason: err instanceof PostponedError ? err.reason : 'ApplyFailed',
    message: err instanceof Wcp360Error && err.code !== 'WCP_BUG' ? err.message : 'An internal error occurred.',
    attempts: next.attempts,
    nextTryAt: rfc3339(next.atMs),
  };
}
