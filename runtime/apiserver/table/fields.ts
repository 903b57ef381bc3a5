import { partOf } from '#runtime/validation/field-path.ts';

/** The value below nested fields; undefined when any of them is missing. */
export function nested(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>((current, name) => partOf(current, name), value);
}

/** A value as text for a cell: nothing for what is missing. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

/** The text below nested fields. */
export function fieldText(value: unknown, ...names: readonly string[]): string {
  return textOf(nested(value, ...names));
}

/** The items of a list; nothing when it is none. */
export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** How many entries a list or map has. */
export function countOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}
