/**
 * A number whose text JavaScript would change: an integer beyond 2^53, `1.0`, `1e3`, `-0`.
 * It is an object with one field, made by `JSON.rawJSON`; JSON.stringify writes its text as it is. Kubernetes keeps such numbers too.
 */
export interface ExactNumber {
  readonly rawJSON: string;
}

declare global {
  interface JSON {
    rawJSON(text: string): ExactNumber;
    isRawJSON(value: unknown): value is ExactNumber;
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
}

/** Keeps the text of a number (or gives the plain number, when that is written the same). */
export function exactNumber(source: string): number | ExactNumber {
  const plain = Number(source);
  return String(plain) === source ? plain : JSON.rawJSON(source);
}

/** True for numbers of `exactNumber` that are no plain number. Cheap on everything else. */
export function isExactNumber(value: unknown): value is ExactNumber {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null && JSON.isRawJSON(value);
}

/** The number that a value from the wire stands for, possibly rounded; undefined for everything that is no number. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return isExactNumber(value) ? Number(value.rawJSON) : undefined;
}

/** Whether a value from the wire is written as an integer: no fraction and no exponent (`1.0` is a number, not an integer). */
export function isInteger(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value);
  return isExactNumber(value) && /^-?\d+$/.test(value.rawJSON);
}

/** A JSON object: not null, not a list and not a number that keeps its text. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}
