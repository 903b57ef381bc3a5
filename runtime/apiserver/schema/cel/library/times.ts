import { Duration } from '@marcbachmann/cel-js/evaluator';
import type { CelFunctions } from './functions.ts';
import { fail } from './text.ts';

const PART = /^(\d{1,20})?(?:\.(\d{0,20}))?(ns|us|µs|μs|ms|s|m|h)/;
const NANOS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** The CEL library's own `duration` takes cubic time on hostile text. */
export const timeFunctions: CelFunctions = {
  'k8s_duration(string): google.protobuf.Duration': (text: string) =>
    parseGoDuration(text) ?? fail(`invalid duration ${JSON.stringify(text.slice(0, 100))}`),
};

/** A duration of Go (`1h30m`, `-1.5s`) as a CEL value; undefined when it is none. */
export function parseGoDuration(text: string): Duration | undefined {
  if (text === '' || text.length > 128) return undefined;
  const unsigned = text.replace(/^[+-]/, '');
  const nanos = unsigned === '0' ? 0n : nanosOf(unsigned);
  if (nanos === undefined) return undefined;
  const total = text.startsWith('-') ? -nanos : nanos;
  return new Duration(total / 1_000_000_000n, Number(total % 1_000_000_000n));
}

function nanosOf(text: string): bigint | undefined {
  let total = 0n;
  let rest = text;
  do {
    const match = PART.exec(rest);
    const nanos = match === null ? undefined : partNanos(match);
    if (match === null || nanos === undefined) return undefined;
    total += nanos;
    rest = rest.slice(match[0].length);
  } while (rest !== '');
  return total;
}

function partNanos(match: RegExpExecArray): bigint | undefined {
  const digits = match[1] ?? '';
  const fraction = match[2] ?? '';
  const scale = NANOS[match[3] ?? ''];
  if (scale === undefined || digits + fraction === '') return undefined;
  return BigInt(digits || '0') * scale + (BigInt(fraction || '0') * scale) / 10n ** BigInt(fraction.length);
}
