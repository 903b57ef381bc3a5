/** Go durations as Flux and cert-manager write them: `30s`, `1h30m`, `720h`. Source: Go's time.ParseDuration, without signs and without `ns`/`us`. */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const DURATION = /^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h))+$/;

/** Milliseconds, rounded to whole ones; `undefined` when it is not a duration. A bare `0` is allowed, as in Go. */
export function parseDurationMs(duration: string): number | undefined {
  if (duration === '0') return 0;
  if (!DURATION.test(duration)) return undefined;
  let totalMs = 0;
  for (const [, amount = '0', unit = 's'] of duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(amount) * (UNIT_MS[unit] ?? 0);
  }
  return Math.round(totalMs);
}

/** Whole seconds, rounded up, so that a limit is never shorter than written. */
export function parseDurationSeconds(duration: string): number | undefined {
  const ms = parseDurationMs(duration);
  return ms === undefined ? undefined : Math.ceil(ms / 1000);
}

/** `5400000` is `1h30m`. Zero is `0s`. */
export function formatDuration(ms: number): string {
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, sizeMs] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
    ['ms', 1],
  ] as const) {
    const count = Math.floor(rest / sizeMs);
    rest -= count * sizeMs;
    if (count > 0) parts.push(`${String(count)}${unit}`);
  }
  return parts.length === 0 ? '0s' : parts.join('');
}
