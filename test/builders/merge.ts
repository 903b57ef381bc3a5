import { isRecord } from '#runtime/base/json.ts';

/** `base` with the fields of `over` on top, record by record; lists and words are replaced whole. */
export function merge(base: unknown, over: unknown): unknown {
  if (!isRecord(base) || !isRecord(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) merged[key] = key in base ? merge(base[key], value) : value;
  return merged;
}
