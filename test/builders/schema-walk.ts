import { isRecord } from '#runtime/base/json.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** One node of a schema, with the path of its field (`spec.aliases[]`). */
export interface SchemaNode {
  readonly path: string;
  readonly schema: Schema;
}

/** Every node below a schema, itself first. */
export function walkSchema(schema: Schema, path = ''): readonly SchemaNode[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    walkSchema(field, path === '' ? name : `${path}.${name}`),
  );
  const items = schema.items === undefined ? [] : walkSchema(schema.items, `${path}[]`);
  const { additionalProperties } = schema;
  const values = typeof additionalProperties === 'object' ? walkSchema(additionalProperties, `${path}{}`) : [];
  return [{ path, schema }, ...below, ...items, ...values];
}

/** `object` with `value` at a path of walkSchema; lists get it as their only element, missing parents are made. */
export function withValue(object: unknown, path: string, value: unknown): unknown {
  const [, name = '', list = '', rest = ''] = /^([^.[{]+)((?:\[\]|\{\})?)\.?(.*)$/.exec(path) ?? [];
  const record = isRecord(object) ? object : {};
  const old = record[name];
  const put = (inner: unknown): unknown => (rest === '' ? value : withValue(inner, rest, value));
  if (list === '[]') {
    const element: unknown = Array.isArray(old) ? old[0] : undefined;
    return { ...record, [name]: [put(element)] };
  }
  if (list === '{}') return { ...record, [name]: { key: value } };
  return { ...record, [name]: put(old) };
}
