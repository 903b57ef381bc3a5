/** The reference tokens of a JSON pointer (RFC 6901), unescaped; undefined when the text is none. The whole document has no tokens. */
export function parsePointer(pointer: string): readonly string[] | undefined {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined;
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The index that a token names in a list: digits without leading zeros, at most `highest`; undefined for everything else. */
export function parseIndex(token: string, highest: number): number | undefined {
  if (!/^(?:0|[1-9]\d{0,8})$/.test(token)) return undefined;
  const index = Number(token);
  return index <= highest ? index : undefined;
}
