import type { FieldFault } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { forbidden, invalid } from '#runtime/validation/faults.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { compileSchema } from './structural.ts';

/** Defaults must be what they would be made to: free of unknown fields, and valid by the schema and its rules (C5). */
export function validateDefaults(schema: Schema, path: string): readonly FieldFault[] {
  return [
    ...(schema.default === undefined ? [] : validateDefault(schema, `${path}.default`)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
      validateDefaults(child, `${path}.properties[${name}]`),
    ),
    ...(typeof schema.additionalProperties === 'object'
      ? validateDefaults(schema.additionalProperties, `${path}.additionalProperties`)
      : []),
    ...(schema.items === undefined ? [] : validateDefaults(schema.items, `${path}.items`)),
  ];
}

/** The value is looked at as a property of an object, so that scalars go the same way as objects. */
function validateDefault(schema: Schema, path: string): readonly FieldFault[] {
  const holder: Schema = { type: 'object', properties: { default: schema } };
  const given = { default: schema.default };
  const { prune, applyDefaults, validate } = compileSchema(holder);
  const pruned = prune(given);
  if (!isEqual(pruned.object, given)) {
    const unknown = pruned.unknown.map((field) => field.replace(/^default\.?/, ''));
    return [invalid(path, schema.default, `must not have unknown fields: ${unknown.join(', ')}`)];
  }
  return validate(applyDefaults(given)).map((fault) => ({
    ...fault,
    field: fault.field.replace(/^default/, () => path),
  }));
}

/** `metadata` is the server's, so that nothing in it can have a default. */
export function validateMetadataDefaults(schema: Schema, path: string): readonly FieldFault[] {
  const metadata = schema.properties?.['metadata'];
  if (metadata === undefined) return [];
  const named = Object.entries(metadata.properties ?? {}).filter(([, child]) => child.default !== undefined);
  return [
    ...(metadata.default === undefined ? [] : [forbidden(`${path}.properties[metadata].default`, 'must not be set')]),
    ...named.map(([name]) =>
      forbidden(`${path}.properties[metadata].properties[${name}].default`, 'must not be set in metadata'),
    ),
  ];
}
