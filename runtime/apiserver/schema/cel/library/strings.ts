import type { CelFunctions } from './functions.ts';
import { codePoints, fail, indexIn, itemsOf, pointsBefore } from './text.ts';

/** String functions (cel-go ext/strings, versions 0 to 2). Positions are code points. */
export const stringFunctions: CelFunctions = {
  'string.charAt(int): string': (text: string, at: bigint) => {
    const points = codePoints(text);
    return points.at(indexIn(at, points.length));
  },
  'string.k8s_indexOf(string): int': (text: string, part: string) => BigInt(pointsBefore(text, text.indexOf(part))),
  'string.k8s_indexOf(string, int): int': (text: string, part: string, from: bigint) => {
    const points = codePoints(text);
    const start = indexIn(from, points.length);
    const rest = points.slice(start);
    const found = rest.indexOf(part);
    return found === -1 ? -1n : BigInt(start + pointsBefore(rest, found));
  },
  'string.k8s_lastIndexOf(string): int': (text: string, part: string) =>
    BigInt(pointsBefore(text, text.lastIndexOf(part))),
  'string.k8s_lastIndexOf(string, int): int': (text: string, part: string, to: bigint) => {
    const points = codePoints(text);
    const units = points.slice(0, indexIn(to, points.length)).length;
    return BigInt(pointsBefore(text, text.lastIndexOf(part, units)));
  },
  'string.k8s_lowerAscii(): string': (text: string) => text.replaceAll(/[A-Z]+/g, (part) => part.toLowerCase()),
  'string.k8s_upperAscii(): string': (text: string) => text.replaceAll(/[a-z]+/g, (part) => part.toUpperCase()),
  'string.replace(string, string): string': (text: string, part: string, by: string) => replace(text, part, by, -1),
  'string.replace(string, string, int): string': (text: string, part: string, by: string, times: bigint) =>
    replace(text, part, by, Number(times)),
  'string.k8s_split(string): list<string>': (text: string, separator: string) => split(text, separator, -1),
  'string.k8s_split(string, int): list<string>': (text: string, separator: string, limit: bigint) =>
    split(text, separator, Number(limit)),
  'string.k8s_substring(int): string': (text: string, from: bigint) => {
    const points = codePoints(text);
    return points.slice(indexIn(from, points.length));
  },
  'string.k8s_substring(int, int): string': (text: string, from: bigint, to: bigint) => {
    const points = codePoints(text);
    const start = indexIn(from, points.length);
    const end = indexIn(to, points.length);
    return start <= end ? points.slice(start, end) : fail(`invalid substring range. start: ${start}, end: ${end}`);
  },
  'string.reverse(): string': (text: string) => Array.from(text).toReversed().join(''),
  'string.format(list): string': (text: string, args: Iterable<unknown>) => format(text, itemsOf(args)),
  'list.k8s_join(): string': (list: Iterable<unknown>) => join(list, ''),
  'list.k8s_join(string): string': (list: Iterable<unknown>, separator: string) => join(list, separator),
};

function join(list: Iterable<unknown>, separator: string): string {
  const items = itemsOf(list);
  if (!items.every((item) => typeof item === 'string'))
    fail('no such overload: join of a list that holds more than strings');
  return items.join(separator);
}

function split(text: string, separator: string, limit: number): readonly string[] {
  if (limit === 0) return [];
  const parts = separator === '' ? Array.from(text) : text.split(separator);
  if (limit < 0 || parts.length <= limit) return parts;
  return [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(separator)];
}

function replace(text: string, part: string, by: string, times: number): string {
  if (times < 0) return text.replaceAll(part, () => by);
  let left = times;
  return text.replaceAll(part, (found) => {
    left -= 1;
    return left >= 0 ? by : found;
  });
}

function format(template: string, args: readonly unknown[]): string {
  let next = 0;
  return template.replaceAll(/%(%|\.\d{1,2}f|[sdf])/g, (_whole, verb: string) => {
    if (verb === '%') return '%';
    if (next >= args.length) fail('index out of range: not enough arguments for format');
    const value = args[next];
    next += 1;
    return verb === 's' || verb === 'd'
      ? String(value)
      : Number(value).toFixed(verb === 'f' ? 6 : Number(verb.slice(1, -1)));
  });
}
