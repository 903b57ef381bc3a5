/** A number that keeps its text, as `JSON.rawJSON` makes them for what JavaScript would write differently. */
export function isRawNumber(value: object): boolean {
  return Object.getPrototypeOf(value) === null && JSON.isRawJSON(value);
}

/** The same value with plain numbers, rounded where need be; the very same when there is none that keeps its text. Lists and maps only as deep as JSON.stringify goes. */
export function withPlainNumbers(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(withPlainNumbers);
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (isRawNumber(value)) return Number(JSON.stringify(value));
  const entries = Object.entries(value).map(([key, part]) => [key, part, withPlainNumbers(part)] as const);
  return entries.some(([, part, plain]) => part !== plain)
    ? Object.fromEntries(entries.map(([key, , plain]) => [key, plain]))
    : value;
}
