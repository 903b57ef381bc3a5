import { isRecord } from '#runtime/base/json.ts';

/** A CA's word on a certificate, as it is shown to visitors with it. */
export interface Staple {
  /** DER in base64. */
  readonly response: string;
  /** Seconds since the epoch: when the CA is asked again, and until when it may be shown. */
  readonly refreshAt: number;
  readonly until: number;
}

/** A CA that names no next update has a newer word at any time. */
const unboundedLifeMs = 12 * 3_600_000;
const leastPauseMs = 60_000;

/** Asked again after half of the time for which a response holds: there is as much left for a CA that is away. Pure. */
export function stapleOf(
  response: string,
  { thisUpdateMs, nextUpdateMs }: { readonly thisUpdateMs: number; readonly nextUpdateMs?: number | undefined },
  nowMs: number,
): Staple {
  const untilMs = nextUpdateMs ?? nowMs + unboundedLifeMs;
  const halfMs = (Math.min(thisUpdateMs, nowMs) + untilMs) / 2;
  const seconds = (ms: number): number => Math.floor(ms / 1_000);
  return { response, refreshAt: seconds(Math.max(halfMs, nowMs + leastPauseMs)), until: seconds(untilMs) };
}

/** Where the workers of the front find them, each under the fingerprint of its certificate. */
export function staplesDirectory(root: string): string {
  return `${root}/front/staples`;
}

/** The staple in a text; `undefined` for what nobody of ours wrote. */
export function parseStaple(text: string): Staple | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return undefined;
    const { response, refreshAt, until } = value;
    const isWhole = typeof response === 'string' && typeof refreshAt === 'number' && typeof until === 'number';
    return isWhole ? { response, refreshAt, until } : undefined;
  } catch {
    return undefined;
  }
}
