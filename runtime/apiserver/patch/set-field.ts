/** Sets a field of a record that the caller owns; a key `__proto__` becomes a field like any other instead of a prototype. */
export function setField(record: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(record, key, { value, enumerable: true, writable: true, configurable: true });
  else record[key] = value;
}
