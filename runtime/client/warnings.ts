/** The texts of `Warning: 299 - "text"` headers (RFC 7234 §5.5), unescaped; other codes are left out. */
export function warningsOf(header: string | readonly string[] | undefined): readonly string[] {
  if (header === undefined) return [];
  const text = typeof header === 'string' ? header : header.join(', ');
  return [...text.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map((found) => (found[1] ?? '').replaceAll(/\\(.)/g, '$1'));
}
