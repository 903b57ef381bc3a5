import { mixedHash } from '#schemas/meta/name-hash.ts';
import type { RenewalWindow } from '#runtime/acme/account.ts';

/** The times of a certificate, in ms since the epoch. */
export interface Lifetime {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** No two certificates that were got together are renewed together: this part of the life is spread over. */
const spread = 0.02;
const usualPart = 2 / 3;
/** Whatever a CA suggests: in what is left then the next one has to come, though attempts may fail. */
const latestPart = 0.9;

/**
 * When a certificate is renewed: where the CA suggests a window (RFC 9773), at a moment in it, but early enough before its end; else as long before its end as is asked for, or after two thirds of its
 * life. `seed` tells certificates apart. Milliseconds since the epoch. Pure.
 */
export function renewalTimeOf(
  { notBefore, notAfter }: Lifetime,
  {
    renewBeforeMs,
    window,
    seed,
  }: {
    readonly renewBeforeMs?: number | undefined;
    readonly window?: RenewalWindow | undefined;
    readonly seed: string;
  },
): number {
  const part = (mixedHash(seed) % 1_000) / 1_000;
  const life = notAfter - notBefore;
  if (window !== undefined)
    return Math.min(
      window.startMs + (window.endMs - window.startMs) * part,
      notBefore + life * (latestPart - spread * part),
    );
  const isAsked = renewBeforeMs !== undefined && renewBeforeMs < life;
  const latest = isAsked ? notAfter - renewBeforeMs : notBefore + life * usualPart;
  return latest - life * spread * part;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** After the first failure, the second, and so on; a CA counts five refused names in an hour. */
const pausesMs = [2, 10, 30, 60, 120, 240, 480, 1_440].map((minutes) => minutes * minuteMs);
const dayMs = 24 * hourMs;

/**
 * How long to wait after so many failures in a row; no less than the CA asks for. What will expire soon is tried more often: a third of what is left; what has expired, as what was never there. Pure.
 */
export function pauseMsAfter(
  failures: number,
  {
    retryAfterMs = 0,
    leftMs,
    seed,
  }: { readonly retryAfterMs?: number | undefined; readonly leftMs?: number | undefined; readonly seed: string },
): number {
  const usual = pausesMs[Math.min(failures, pausesMs.length) - 1] ?? minuteMs;
  const isEnding = leftMs !== undefined && leftMs > 0;
  const urgent = isEnding ? Math.min(usual, Math.max(10 * minuteMs, leftMs / 3)) : usual;
  const jitter = 1 + ((mixedHash(`${seed}/${failures}`) % 1_000) / 1_000) * 0.1;
  return Math.max(retryAfterMs, Math.min(urgent * jitter, dayMs));
}

/**
 * At most that long when nobody answered: a CA that is away is no reason to wait for hours. But thousands may wait for it, and each asks by itself: what serves
 * for days (`leftMs`) asks once an hour, what is near its end or was never there more often. Pure.
 */
export function unreachedPauseMsAfter(failures: number, leftMs: number | undefined): number {
  const soonMs = Math.min(failures, 10) * minuteMs;
  return leftMs === undefined ? soonMs : Math.max(soonMs, Math.min(leftMs / 24, hourMs));
}
