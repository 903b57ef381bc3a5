/** Words of the language that cannot be names of fields (CRD docs, "Validation rules", escaping). */
const RESERVED = new Set([
  'true',
  'false',
  'null',
  'in',
  'as',
  'break',
  'const',
  'continue',
  'else',
  'for',
  'function',
  'if',
  'import',
  'let',
  'loop',
  'package',
  'namespace',
  'return',
  'var',
  'void',
  'while',
]);

const ESCAPES: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};

/** The name by which rules reach a property; undefined when they cannot. */
export function celNameOf(property: string): string | undefined {
  // `constructor` is how the CEL library tells types apart, so a property of this name must stay hidden.
  if (property === 'constructor') return undefined;
  if (RESERVED.has(property)) return `__${property}__`;
  if (!/^[A-Za-z_./-][A-Za-z0-9_./-]*$/.test(property)) return undefined;
  return property.replaceAll(/__|[./-]/g, (part) => ESCAPES[part] ?? part);
}
