import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { hasChildren, self } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { canonicalElement } from './path-element.ts';
import { isEmptyContainer } from './typed.ts';

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
  let parsed: Record<string, FieldSet> | undefined;
  for (const element in node) {
    const below = parseElement(element, node[element], depth);
    if (below === undefined) return undefined;
    if (below.set === node[element] && below.element === element) continue;
    parsed ??= { ...(node as FieldSet) };
    delete parsed[element];
    parsed[below.element] = below.set;
  }
  return parsed ?? (node as FieldSet);
}

/** An element in its canonical form with what lies below it; undefined when either is malformed. */
function parseElement(
  element: string,
  below: unknown,
  depth: number,
): { readonly element: string; readonly set: FieldSet } | undefined {
  if (!isMap(below) || depth > maxDepth) return undefined;
  if (element === self) return isEmptyContainer(below) ? { element, set: below as FieldSet } : undefined;
  const canonical = element.startsWith('f:') ? element : canonicalElement(element);
  const set = parseNode(below, depth + 1);
  return canonical === undefined || set === undefined ? undefined : { element: canonical, set };
}
