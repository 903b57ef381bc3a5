import fc from 'fast-check';
import { builtinSchemas } from '#runtime/apiserver/builtin/schemas/index.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { comparedKind, ownName } from './kinds.ts';
import type { StreamRequest } from './request.ts';
import { requestsFor } from './requests.ts';

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const number: Schema = { type: 'number' };

/** What a definition says of one field. */
const fieldSchema: Schema = {
  type: 'object',
  properties: {
    type: { type: 'string', enum: ['object', 'array', 'string', 'integer', 'number', 'boolean'] },
    description: text,
    nullable: flag,
    default: {},
    enum: { type: 'array', items: {} },
    minimum: number,
    maxLength: number,
    format: { type: 'string', enum: ['int32', 'date-time', 'strange'] },
    pattern: { type: 'string', enum: ['^[a-z]+$', '(', '(?=a)'] },
    required: { type: 'array', items: text },
    uniqueItems: flag,
    additionalProperties: {},
    items: {},
    'x-kubernetes-preserve-unknown-fields': flag,
    'x-kubernetes-int-or-string': flag,
    'x-kubernetes-embedded-resource': flag,
    'x-kubernetes-list-type': { type: 'string', enum: ['atomic', 'set', 'map'] },
    'x-kubernetes-list-map-keys': { type: 'array', items: text },
    'x-kubernetes-map-type': { type: 'string', enum: ['atomic', 'granular'] },
    'x-kubernetes-validations': {
      type: 'array',
      items: {
        type: 'object',
        properties: { rule: { type: 'string', enum: ['true', 'false', 'self == oldSelf', 'self.'] }, message: text },
      },
    },
  },
};

const builtin = builtinSchemas['apiextensions.k8s.io/v1/CustomResourceDefinition'];

/** The schema of definitions, with that of fields in it as deep as values are wanted. */
function definitionSchema(): Schema {
  const { spec = {}, ...rest } = builtin?.properties ?? {};
  // A conversion by webhook is not offered here, and its fields are nobody's.
  const { versions = {}, conversion: _, ...others } = spec.properties ?? {};
  const { schema = {}, ...parts } = versions.items?.properties ?? {};
  const whole: Schema = {
    ...fieldSchema,
    properties: { ...fieldSchema.properties, properties: { type: 'object', additionalProperties: fieldSchema } },
  };
  const items = {
    ...versions.items,
    properties: { ...parts, schema: { ...schema, properties: { openAPIV3Schema: whole } } },
  };
  return {
    ...builtin,
    properties: { ...rest, spec: { ...spec, properties: { ...others, versions: { ...versions, items } } } },
  };
}

/** Without its status: who writes that does the work of the controllers, which do not do it again. */
export const definitions = comparedKind({
  kind: 'CustomResourceDefinition',
  apiVersion: 'apiextensions.k8s.io/v1',
  resource: 'customresourcedefinitions',
  namespaced: false,
  isControlled: true,
  schema: definitionSchema(),
  example: {
    spec: {
      group: '{namespace}.example',
      scope: 'Namespaced',
      names: { plural: '{plural}', kind: 'Kind{plural}', shortNames: ['short{plural}'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', properties: { size: { type: 'integer', default: 1 } } } },
            },
          },
        },
      ],
    },
  },
});

const ends = ['a', 'b', 'c'].map((name): StreamRequest => ({
  method: 'DELETE',
  kind: definitions,
  name: ownName(definitions, name),
  query: {},
  headers: {},
}));

/** Streams for definitions of a group that no other stream has, which leave none. Each request is asked when what the last one made is served, or said not to be. */
export const definitionStreams: fc.Arbitrary<readonly StreamRequest[]> = fc
  .array(fc.noShrink(requestsFor(definitions)), { minLength: 1, maxLength: 20, size: 'max' })
  .map((asked) => [...asked, ...ends]);
