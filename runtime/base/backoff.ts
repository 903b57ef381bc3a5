/** Bounds of an exponential back-off. `jitterRatio` spreads each wait by ± that part of itself. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor: number;
  readonly jitterRatio: number;
}

/** The wait before try `attempt + 1`, in milliseconds; `attempt` counts failures from 1, `random` is in [0, 1). */
export function backoffMs(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  const plain = Math.min(backoff.maxMs, backoff.firstMs * backoff.factor ** Math.min(attempt - 1, 64));
  return Math.round(plain * (1 + backoff.jitterRatio * (2 * random() - 1)));
}
