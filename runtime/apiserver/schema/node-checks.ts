import { isRecord } from '#runtime/base/json.ts';
import type { LocatedFault } from '#runtime/validation/fault-words.ts';
import type { FieldSegments } from '#runtime/validation/field-path.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** Looks at one value that a node of a schema describes, and adds what is wrong with it. */
export type Check = (value: unknown, segments: FieldSegments, faults: LocatedFault[]) => void;

interface CheckedNode {
  readonly check: Check | undefined;
  readonly properties: readonly (readonly [string, CheckedNode])[];
  readonly others: CheckedNode | undefined;
  readonly items: CheckedNode | undefined;
}

/** Most faults that are looked for. */
export const MAX_FAULTS = 50;

/** Checks an object wherever its schema asks for it; undefined when it does so nowhere. */
export function compileChecks(
  schema: Schema,
  checkOf: (schema: Schema) => Check | undefined,
): ((object: unknown) => readonly LocatedFault[]) | undefined {
  const root = nodeOf(schema, checkOf);
  if (root === undefined) return undefined;
  return (object) => {
    const faults: LocatedFault[] = [];
    visit(object, root, [], faults);
    return faults;
  };
}

function nodeOf(schema: Schema, checkOf: (schema: Schema) => Check | undefined): CheckedNode | undefined {
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const node = nodeOf(child, checkOf);
    return node === undefined ? [] : [[name, node] as const];
  });
  const { additionalProperties } = schema;
  const others = typeof additionalProperties === 'object' ? nodeOf(additionalProperties, checkOf) : undefined;
  const items = schema.items === undefined ? undefined : nodeOf(schema.items, checkOf);
  const check = checkOf(schema);
  const isEmpty = properties.length === 0 && others === undefined && items === undefined && check === undefined;
  return isEmpty ? undefined : { properties, others, items, check };
}

function visit(value: unknown, node: CheckedNode, segments: FieldSegments, faults: LocatedFault[]): void {
  if (faults.length >= MAX_FAULTS) return;
  node.check?.(value, segments, faults);
  if (isRecord(value)) {
    visitFields(value, node, segments, faults);
  } else if (Array.isArray(value) && node.items !== undefined) {
    for (const [index, item] of value.entries()) visit(item, node.items, [...segments, index], faults);
  }
}

function visitFields(
  value: Readonly<Record<string, unknown>>,
  node: CheckedNode,
  segments: FieldSegments,
  faults: LocatedFault[],
): void {
  for (const [name, child] of node.properties) {
    if (Object.hasOwn(value, name)) visit(value[name], child, [...segments, name], faults);
  }
  if (node.others === undefined) return;
  for (const [key, part] of Object.entries(value)) {
    if (!node.properties.some(([name]) => name === key)) visit(part, node.others, [...segments, key], faults);
  }
}
