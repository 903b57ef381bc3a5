/** Keys and indexes from the root of a value to a part of it. */
export type FieldSegments = readonly (string | number)[];

/** `spec.aliases[1].name`; the root is the empty text. */
export function fieldPath(segments: FieldSegments): string {
  let path = '';
  for (const segment of segments) path = childPath(path, segment);
  return path;
}

/** The path of a child: `[index]` of a list, `.name` of anything else. */
export function childPath(path: string, segment: string | number): string {
  if (typeof segment === 'number') return `${path}[${segment}]`;
  return path === '' ? segment : `${path}.${segment}`;
}

/** Takes a JSON pointer (RFC 6901) to a part of `root` apart; a segment is a number where a list stands. */
export function segmentsOf(pointer: string, root: unknown): FieldSegments {
  if (pointer === '') return [];
  let current = root;
  return pointer
    .slice(1)
    .split('/')
    .map((escaped) => {
      const key = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
      const segment = Array.isArray(current) ? Number(key) : key;
      current = partOf(current, segment);
      return segment;
    });
}

/** One step into a value; undefined when there is nothing. Own fields only. */
export function partOf(value: unknown, segment: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
  return (value as Readonly<Record<string | number, unknown>>)[segment];
}
