import { parseDurationMs } from '#schemas/meta/duration.ts';
import { UsageError } from './io.ts';

/** The milliseconds of a flag such as `--timeout 90s`; UsageError when it is no duration. */
export function parseDurationFlag(flag: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined)
    throw new UsageError(`invalid argument "${text}" for "${flag}": write a duration such as 30s, 5m or 24h`);
  return ms;
}
