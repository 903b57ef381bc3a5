import { roundTripObject } from '#runtime/apiserver/builtin/round-trip.ts';
import { builtinSchemas } from '#runtime/apiserver/builtin/schemas/index.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';

type Fields = Readonly<Record<string, unknown>>;

const nothing: Fields = Object.freeze({});
const empties = new Map<Schema, Fields>(Object.values(builtinSchemas).map((schema) => [schema, emptyOf(schema)]));

/**
 * What an object is compared with when it is created. For custom kinds there is nothing; built-in kinds have fields that are always there,
 * so that creating one makes nobody their owner (Kubernetes decodes them into structs).
 */
export function emptyObject(schema: Schema | undefined): Fields {
  return (schema === undefined ? undefined : empties.get(schema)) ?? nothing;
}

function emptyOf(schema: Schema): Fields {
  const structs = ['spec', 'status'].filter((field) => schema.properties?.[field]?.type === 'object');
  const bare = Object.fromEntries(structs.map((field) => [field, bareOf(schema.properties?.[field] ?? {})]));
  const { apiVersion: _, kind: __, metadata: ___, ...fields } = roundTripObject(schema, bare as unknown as KubeObject);
  return Object.freeze(fields);
}

/** Structs in a struct that are there whatever was sent. */
function bareOf({ properties = {}, required = [] }: Schema): Fields {
  const structs = required.filter((field) => properties[field]?.properties !== undefined);
  return Object.fromEntries(structs.map((field) => [field, bareOf(properties[field] ?? {})]));
}
