import { parseJsonPath } from '#runtime/base/json-path-parse.ts';
import { partOf } from '#runtime/validation/field-path.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** The names in a rule's `fieldPath` (`.spec.hosts`, `['a.b']`); undefined when it is more than names. InvalidError when it is no path. */
export function ruleFieldNames(path: string): readonly string[] | undefined {
  if (!path.startsWith('.') && !path.startsWith('[')) return undefined;
  const names = parseJsonPath(path).steps.map((step) => (step.kind === 'field' ? step.name : undefined));
  return names.every((name) => name !== undefined) && names.length > 0 ? names : undefined;
}

/** Whether names lead from a schema node to another one through properties. */
export function leadsSomewhere(schema: Schema, names: readonly string[]): boolean {
  let current: unknown = schema;
  for (const name of names) current = partOf(partOf(current, 'properties'), name);
  return current !== undefined;
}
