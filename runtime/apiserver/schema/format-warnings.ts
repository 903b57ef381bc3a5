import { isFormatOf } from '#runtime/validation/formats.ts';
import { specOf } from '#runtime/apiserver/registry/definition.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** Tells of formats in a valid definition that nobody checks, so that whoever wrote one does not count on it; with `old`, of new ones only. */
export function formatWarnings(definition: KubeObject, old: KubeObject | undefined): readonly string[] {
  const before = old === undefined ? new Set() : uncheckedFormats(old);
  return [...uncheckedFormats(definition)]
    .filter((format) => !before.has(format))
    .map((format) => `unrecognized format ${JSON.stringify(format)}`);
}

function uncheckedFormats(definition: KubeObject): ReadonlySet<string> {
  const schemas = (specOf(definition)?.versions ?? []).map(({ schema }) => schema?.openAPIV3Schema ?? {});
  const nodes = schemas.flatMap((schema) => [...nodesOf(schema)]);
  return new Set(nodes.flatMap(({ type, format = '' }) => (format === '' || isFormatOf(type, format) ? [] : [format])));
}

function* nodesOf(schema: Schema): Generator<Schema> {
  yield schema;
  const { properties = {}, additionalProperties, items, not, allOf = [], anyOf = [], oneOf = [] } = schema;
  const others = typeof additionalProperties === 'object' ? additionalProperties : undefined;
  for (const child of [...Object.values(properties), others, items, not, ...allOf, ...anyOf, ...oneOf])
    if (child !== undefined) yield* nodesOf(child);
}
