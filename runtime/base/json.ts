/** Equal as JSON (Maps by key and Sets by member included): the order of keys and fields that are `undefined` do not count. */
export function isEqual(a: unknown, b: unknown): boolean {
  return Object.is(a, b) || (isObject(a) && isObject(b) && areObjectsEqual(a, b));
}

function areObjectsEqual(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  if (Array.isArray(a)) return Array.isArray(b) && areListsEqual(a, b);
  if (a instanceof Map) return b instanceof Map && areMapsEqual(a, b);
  if (a instanceof Set) return b instanceof Set && a.size === b.size && a.isSubsetOf(b);
  return isPlain(b) && areRecordsEqual(a, b);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isPlain(value: unknown): boolean {
  return !Array.isArray(value) && !(value instanceof Map) && !(value instanceof Set);
}

function areListsEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, index) => isEqual(value, b[index]));
}

function areMapsEqual(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.has(key) && isEqual(value, b.get(key)));
}

function areRecordsEqual(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  const keys = presentKeys(a);
  return keys.length === presentKeys(b).length && keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]));
}

function presentKeys(record: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(record).filter((key) => record[key] !== undefined);
}

/** JSON with sorted keys: equal values give equal text. For hashes and golden files, not for hot paths. */
export function canonicalJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, part: unknown) => (isRecord(part) ? sortKeys(part) : part), indent);
}

/** A plain object, not an array and not null. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sortKeys(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(record)
      .toSorted()
      .map((key) => [key, record[key]]),
  );
}
