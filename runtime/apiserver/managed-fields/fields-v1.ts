import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { hasChildren, leaf, self } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { canonicalElement } from './path-element.ts';

const maxDepth = 200;

/** What was read from an object before; `fieldsV1` values are never changed, so that the answer holds as long as they live. */
const read = new WeakMap<object, FieldSet | 'malformed' | 'empty'>();

/**
 * Reads `fieldsV1`. The result is that very value when it is written canonically, as ours always is, and is remembered for it.
 * Undefined for an empty set; `malformed` for anything that is no FieldsV1.
 */
export function parseFieldsV1(value: unknown): FieldSet | undefined | 'malformed' {
  if (!isMap(value)) return 'malformed';
  let known = read.get(value);
  if (known === undefined) {
    known = parseRoot(value);
    read.set(value, known);
  }
  return known === 'empty' ? undefined : known;
}

function parseRoot(value: Readonly<Record<string, unknown>>): FieldSet | 'malformed' | 'empty' {
  const set = parseNode(value, 0);
  if (set === undefined) return 'malformed';
  if (!hasChildren(set)) return 'empty';
  if (set[self] === undefined) return set;
  const { [self]: _self, ...root } = set;
  return root;
}

function parseNode(node: Readonly<Record<string, unknown>>, depth: number): FieldSet | undefined {
  if (depth > maxDepth) return undefined;
  let changed: Record<string, FieldSet> | undefined;
  for (const element in node) {
    const below = node[element];
    if (!isMap(below)) return undefined;
    const parsed = element === self ? leaf : parseNode(below, depth + 1);
    const canonical = element === self || element.startsWith('f:') ? element : canonicalElement(element);
    if (parsed === undefined || canonical === undefined) return undefined;
    if (element === self || (parsed === below && canonical === element)) continue;
    changed ??= { ...(node as FieldSet) };
    delete changed[element];
    changed[canonical] = parsed;
  }
  return changed ?? (node as FieldSet);
}
