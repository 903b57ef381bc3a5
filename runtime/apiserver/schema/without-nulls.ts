import { isRecord } from '#runtime/base/json.ts';

type Walk = (value: unknown) => unknown;

const each: Walk = (list) => (Array.isArray(list) ? list.map(withoutNulls) : list);
const eachField: Walk = (map) =>
  isRecord(map) ? Object.fromEntries(Object.entries(map).map(([name, part]) => [name, withoutNulls(part)])) : map;

/** Keywords with schemas or rules in them; null in any other, such as `enum`, is a value. */
const walks: ReadonlyMap<string, Walk> = new Map([
  ['properties', eachField],
  ['additionalProperties', withoutNulls],
  ['items', withoutNulls],
  ['allOf', each],
  ['anyOf', each],
  ['oneOf', each],
  ['not', withoutNulls],
  ['x-kubernetes-validations', each],
]);

/**
 * The schema of a definition as Kubernetes reads it into a struct: a keyword that is null is none, a default, too, and a schema that is null says nothing. What is
 * no schema at all stays, for validation to refuse.
 */
export function withoutNulls(schema: unknown): unknown {
  if (schema === null) return {};
  if (!isRecord(schema)) return schema;
  const given = Object.entries(schema).filter(([, value]) => value !== null);
  return Object.fromEntries(given.map(([keyword, value]) => [keyword, walks.get(keyword)?.(value) ?? value]));
}
