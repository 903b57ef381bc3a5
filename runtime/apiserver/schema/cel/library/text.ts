import { InvalidError } from '#runtime/base/errors.ts';

const ASTRAL = /[\ud800-\udfff]/;

/** Text by code points, as CEL counts; cheap when there is nothing beyond the basic plane. */
export interface CodePoints {
  readonly length: number;
  slice(from: number, to?: number): string;
  at(index: number): string;
}

/** The code points of a text. */
export function codePoints(text: string): CodePoints {
  if (!ASTRAL.test(text))
    return { length: text.length, slice: (from, to) => text.slice(from, to), at: (index) => text.charAt(index) };
  const points = Array.from(text);
  return {
    length: points.length,
    slice: (from, to) => points.slice(from, to).join(''),
    at: (index) => points[index] ?? '',
  };
}

/** How many code points come before a position in UTF-16 units. */
export function pointsBefore(text: string, units: number): number {
  return units <= 0 ? units : codePoints(text.slice(0, units)).length;
}

/** Throws what CEL calls an evaluation error. */
export function fail(message: string): never {
  throw new InvalidError(message, []);
}

/** An integer that must lie in [0, max]. */
export function indexIn(value: bigint, max: number): number {
  const index = Number(value);
  if (index < 0 || index > max) fail(`index out of range: ${value}`);
  return index;
}

/** The items of a CEL list, which is an array or, for lists of type set, a Set. */
export function itemsOf(list: Iterable<unknown>): readonly unknown[] {
  return Array.isArray(list) ? list : [...list];
}
