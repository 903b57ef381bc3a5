import { createHash } from 'node:crypto';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import type { FieldChange } from './plan.ts';

export interface DiffOptions {
  /** True for fields whose value must not be shown; the field's path is given (`data.password`). */
  readonly isSecret?: (field: string) => boolean;
}

/** Longest value that a change shows; the rest is cut, since plans are stored and printed. */
const longestText = 256;

type Side = 'from' | 'to';
type Report = (field: string, side: Side, value: unknown) => void;

/**
 * What differs between two values, leaf by leaf, in order of field: `undefined` on one side means that all of the other is added or removed.
 * Records and Maps are compared by key, lists that hold objects by position, lists of plain values as one. Empty when they are equal as JSON.
 */
export function diffFields(from: unknown, to: unknown, options: DiffOptions = {}): readonly FieldChange[] {
  const changes = new Map<string, FieldChange>();
  const report: Report = (field, side, value) => {
    const text = options.isSecret?.(field) === true ? secretText(value) : textOf(value);
    const known = changes.get(field) ?? { field, from: undefined, to: undefined };
    changes.set(field, side === 'from' ? { ...known, from: text } : { ...known, to: text });
  };
  compare('', [from, to], report);
  return [...changes.values()].toSorted((a, b) => (a.field < b.field ? -1 : a.field > b.field ? 1 : 0));
}

/** What stands in a plan in place of a secret: enough to see that it changed, and nothing else. */
export function secretText(value: unknown): string {
  return `(secret, ${createHash('sha256').update(textOf(value)).digest('hex').slice(0, 8)})`;
}

function compare(field: string, sides: readonly [unknown, unknown], report: Report): void {
  const [from, to] = sides;
  if (isEqual(from, to)) return;
  const a = fieldsOf(from);
  const b = fieldsOf(to);
  reportLeaf(field, 'from', { value: from, parts: a }, report);
  reportLeaf(field, 'to', { value: to, parts: b }, report);
  const inList = Array.isArray(from) || Array.isArray(to);
  for (const key of new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])])) {
    compare(join(field, key, inList), [a?.get(key), b?.get(key)], report);
  }
}

/** What has no parts of its own is shown as one value: plain values, and empty records. */
function reportLeaf(
  field: string,
  side: Side,
  found: { readonly value: unknown; readonly parts: ReadonlyMap<string, unknown> | undefined },
  report: Report,
): void {
  if (found.value !== undefined && (found.parts === undefined || found.parts.size === 0)) {
    report(field, side, found.value);
  }
}

/** The parts that are compared one by one; `undefined` for what is shown as one value. */
function fieldsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [String(key), part as unknown]));
  if (Array.isArray(value)) {
    return value.some((part) => typeof part === 'object' && part !== null)
      ? new Map(value.map((part, index) => [String(index), part as unknown]))
      : undefined;
  }
  if (value instanceof Set) return undefined;
  return isRecord(value) ? new Map(Object.entries(value).filter(([, part]) => part !== undefined)) : undefined;
}

const plainKey = /^[A-Za-z_][A-Za-z0-9_-]*$/;

function join(field: string, key: string, inList: boolean): string {
  if (inList || !plainKey.test(key)) return `${field}[${key}]`;
  return field === '' ? key : `${field}.${key}`;
}

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : plainJson(value);
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}

function plainJson(value: unknown): string {
  if (value instanceof Set)
    return `[${[...value]
      .map((part) => JSON.stringify(part))
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join(',')}]`;
  if (value instanceof Map) return value.size === 0 ? '{}' : JSON.stringify(Object.fromEntries(value));
  return JSON.stringify(value) ?? '';
}
