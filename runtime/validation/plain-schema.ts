import type { Schema } from '#schemas/meta/schema.ts';
import { isFormatOf } from './formats.ts';
import type { JsonSchema } from './json-schema.ts';

/** Keywords that mean the same in both. */
const SAME = [
  'pattern',
  'minLength',
  'maxLength',
  'multipleOf',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'enum',
] as const;

const plain = new WeakMap<Schema, JsonSchema>();

/**
 * A structural schema as plain JSON Schema for validation: `nullable`, int-or-string and the boolean `exclusiveMinimum`
 * of OpenAPI are spelled out, `required` and the rest is taken over, descriptions and defaults are left out. The same schema gives the same value.
 */
export function plainSchemaOf(schema: Schema): JsonSchema {
  const known = plain.get(schema);
  if (known !== undefined) return known;
  const translated = translate(schema);
  plain.set(schema, translated);
  return translated;
}

function translate(schema: Schema): JsonSchema {
  return { ...typeOf(schema), ...sameIn(schema), ...rangeOf(schema), ...childrenOf(schema), ...junctorsOf(schema) };
}

function typeOf(schema: Schema): JsonSchema {
  const types =
    schema['x-kubernetes-int-or-string'] === true
      ? ['integer', 'string']
      : schema.type === undefined
        ? []
        : [schema.type];
  if (types.length === 0) return {};
  const all = schema.nullable === true ? [...types, 'null'] : types;
  return { type: all.length === 1 ? all[0] : all, ...(schema.type === 'object' ? { isMap: true } : {}) };
}

function sameIn(schema: Schema): JsonSchema {
  const { type, format } = schema;
  return {
    ...Object.fromEntries(SAME.filter((key) => schema[key] !== undefined).map((key) => [key, schema[key]])),
    ...(format !== undefined && isFormatOf(type, format) ? { format } : {}),
  };
}

function rangeOf(schema: Schema): JsonSchema {
  return {
    ...(schema.minimum === undefined
      ? {}
      : { [schema.exclusiveMinimum === true ? 'exclusiveMinimum' : 'minimum']: schema.minimum }),
    ...(schema.maximum === undefined
      ? {}
      : { [schema.exclusiveMaximum === true ? 'exclusiveMaximum' : 'maximum']: schema.maximum }),
  };
}

function childrenOf(schema: Schema): JsonSchema {
  const { required } = schema;
  const properties = Object.entries(schema.properties ?? {});
  return {
    ...(required === undefined || required.length === 0 ? {} : { required }),
    ...(properties.length === 0
      ? {}
      : { properties: Object.fromEntries(properties.map(([name, child]) => [name, translate(child)])) }),
    ...(typeof schema.additionalProperties === 'object'
      ? { additionalProperties: translate(schema.additionalProperties) }
      : {}),
    ...(schema.items === undefined ? {} : { items: translate(schema.items) }),
  };
}

function junctorsOf(schema: Schema): JsonSchema {
  return {
    ...(schema.allOf === undefined
      ? {}
      : { allOf: schema.allOf.filter((branch) => !isIntOrString(schema, branch)).map(translate) }),
    ...(schema.anyOf === undefined || isIntOrString(schema, schema) ? {} : { anyOf: schema.anyOf.map(translate) }),
    ...(schema.oneOf === undefined ? {} : { oneOf: schema.oneOf.map(translate) }),
    ...(schema.not === undefined ? {} : { not: translate(schema.not) }),
  };
}

/** The anyOf that structural schemas make people write beside int-or-string; it says nothing that the type does not. */
function isIntOrString(schema: Schema, branch: Schema): boolean {
  if (schema['x-kubernetes-int-or-string'] !== true || branch.anyOf?.length !== 2) return false;
  return branch.anyOf[0]?.type === 'integer' && branch.anyOf[1]?.type === 'string';
}
