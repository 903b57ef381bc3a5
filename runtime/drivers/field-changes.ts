import { isRecord } from '#runtime/base/json.ts';
import type { FieldChange } from '#runtime/plan/plan.ts';

const longest = 200;

/** What differs between two states of one subject, field by field in order of path; lists count as one field. No secret may be in either. */
export function fieldChanges(from: unknown, to: unknown): readonly FieldChange[] {
  const before = flatten(from);
  const after = flatten(to);
  return [...new Set([...before.keys(), ...after.keys()])]
    .toSorted()
    .filter((field) => before.get(field) !== after.get(field))
    .map((field) => ({ field, from: shorten(before.get(field)), to: shorten(after.get(field)) }));
}

function flatten(value: unknown, path = '', into = new Map<string, string>()): ReadonlyMap<string, string> {
  if (value === undefined) return into;
  if (!isRecord(value)) {
    into.set(path, typeof value === 'string' ? value : JSON.stringify(value));
    return into;
  }
  for (const [key, part] of Object.entries(value)) flatten(part, path === '' ? key : `${path}.${key}`, into);
  return into;
}

function shorten(text: string | undefined): string | undefined {
  return text === undefined || text.length <= longest ? text : `${text.slice(0, longest)}…`;
}
