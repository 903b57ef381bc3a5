import { builtinSchemas } from '#runtime/apiserver/builtin/schemas/index.ts';
import type { Schema } from '#schemas/meta/schema.ts';

type Fields = Readonly<Record<string, unknown>>;

const nothing: Fields = Object.freeze({});
const empties = new Map<Schema, Fields>(Object.values(builtinSchemas).map((schema) => [schema, emptyOf(schema)]));

/**
 * What an object is compared with when it is created. For custom kinds there is nothing; built-in kinds always have their `spec` and `status`,
 * so that creating one makes nobody the owner of the bare field (Kubernetes decodes them into structs).
 */
export function emptyObject(schema: Schema | undefined): Fields {
  return (schema === undefined ? undefined : empties.get(schema)) ?? nothing;
}

function emptyOf(schema: Schema): Fields {
  const structs = ['spec', 'status', 'source'].filter((field) => schema.properties?.[field]?.type === 'object');
  return Object.freeze(Object.fromEntries(structs.map((field) => [field, nothing])));
}
