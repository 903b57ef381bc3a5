import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { AcmeProblem, RefusedError } from '#runtime/base/errors.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { failuresOf, type Failures, type Standing } from './model.ts';
import { CERTIFICATE_REASONS, type CertificateReason } from './reasons.ts';
import { pauseMsAfter, unreachedPauseMsAfter } from './renewal.ts';

interface Before {
  readonly standing: Standing;
  readonly failures: Failures;
}

interface Failing {
  readonly owner: Owner;
  readonly clock: Clock;
  /** What the CA said, where it was that. */
  readonly problem?: AcmeProblem | undefined;
}

/** One failure more, and when it is tried again. */
export function afterFailure({ standing, failures: before }: Before, { owner, clock, problem }: Failing) {
  const nowMs = clock.now();
  const attempts = (before.failedIssuanceAttempts ?? 0) + 1;
  const leftMs = standing.notAfter === undefined ? undefined : Date.parse(standing.notAfter) - nowMs;
  const usualMs = pauseMsAfter(attempts, { retryAfterMs: problem?.retryAfterMs, leftMs, seed: owner.uid });
  const isUnreached = problem?.type === 'connection';
  const atMs = secondAfter(
    nowMs + (isUnreached ? Math.min(usualMs, unreachedPauseMsAfter(attempts, leftMs)) : usualMs),
  );
  const failures = { failedIssuanceAttempts: attempts, lastFailureTime: rfc3339(nowMs), nextTryAt: rfc3339(atMs) };
  return { atMs, failures };
}

/** A status tells times in whole seconds: when the object says that it is due, the look has to be due, too. */
export function secondAfter(ms: number): number {
  return Math.ceil(ms / 1_000) * 1_000;
}

/** How often it failed counts until it went well: the next failure is paused after all the longer. */
export function withoutPause({ failedIssuanceAttempts, lastFailureTime, failedNames }: Failures): Failures {
  return failuresOf({
    ...(failedIssuanceAttempts === undefined ? {} : { failedIssuanceAttempts }),
    ...(lastFailureTime === undefined ? {} : { lastFailureTime }),
    ...(failedNames === undefined ? {} : { failedNames }),
  });
}

/** After these the same order may be carried on; all others have ended it, or never began one. */
export function isPassing({ type }: AcmeProblem): boolean {
  return type === 'connection' || type === 'rateLimited' || type === 'serverInternal' || type === 'orderNotReady';
}

/** Reason of what the CA, or our own rules, said no to; `undefined` for everything else. */
export function reasonOf(err: unknown): CertificateReason | undefined {
  if (err instanceof AcmeProblem) return err.names.length > 0 ? 'NamesRefused' : 'IssuanceFailed';
  return err instanceof RefusedError && err.reason in CERTIFICATE_REASONS
    ? (err.reason as CertificateReason)
    : undefined;
}
