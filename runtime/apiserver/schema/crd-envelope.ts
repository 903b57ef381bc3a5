import { compileValidator, type JsonSchema, type Validator } from '#runtime/validation/json-schema.ts';

const text = { type: 'string' };
const flag = { type: 'boolean' };
const number = { type: 'number' };
const count = { type: 'integer', minimum: 0 };
const schema = { $ref: '#/definitions/schema' };
const schemas = { type: 'array', items: schema };
const texts = { type: 'array', items: text };

/** The types of the keywords of a schema; which of them may be used where is said in structural-rules.ts. */
const schemaNode: JsonSchema = {
  type: 'object',
  properties: {
    type: text,
    title: text,
    description: text,
    format: text,
    pattern: text,
    nullable: flag,
    uniqueItems: flag,
    exclusiveMinimum: flag,
    exclusiveMaximum: flag,
    minimum: number,
    maximum: number,
    multipleOf: { type: 'number', exclusiveMinimum: 0 },
    minLength: count,
    maxLength: count,
    minItems: count,
    maxItems: count,
    minProperties: count,
    maxProperties: count,
    required: texts,
    enum: { type: 'array' },
    properties: { type: 'object', additionalProperties: schema },
    additionalProperties: { anyOf: [schema, flag] },
    items: schema,
    allOf: schemas,
    anyOf: schemas,
    oneOf: schemas,
    not: schema,
    'x-kubernetes-preserve-unknown-fields': flag,
    'x-kubernetes-embedded-resource': flag,
    'x-kubernetes-int-or-string': flag,
    'x-kubernetes-list-type': text,
    'x-kubernetes-list-map-keys': texts,
    'x-kubernetes-map-type': text,
    'x-kubernetes-validations': {
      type: 'array',
      items: {
        type: 'object',
        required: ['rule'],
        properties: {
          rule: { type: 'string', minLength: 1 },
          message: text,
          messageExpression: text,
          reason: {
            enum: ['FieldValueInvalid', 'FieldValueForbidden', 'FieldValueRequired', 'FieldValueDuplicate'],
          },
          fieldPath: text,
          optionalOldSelf: flag,
        },
      },
    },
  },
};

const version: JsonSchema = {
  type: 'object',
  required: ['name', 'served', 'storage'],
  properties: {
    name: text,
    served: flag,
    storage: flag,
    deprecated: flag,
    deprecationWarning: text,
    schema: { type: 'object', properties: { openAPIV3Schema: schema } },
    subresources: {
      type: 'object',
      properties: {
        status: { type: 'object' },
        scale: {
          type: 'object',
          required: ['specReplicasPath', 'statusReplicasPath'],
          properties: { specReplicasPath: text, statusReplicasPath: text, labelSelectorPath: text },
        },
      },
    },
    additionalPrinterColumns: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'type', 'jsonPath'],
        properties: {
          name: text,
          type: text,
          jsonPath: text,
          format: text,
          description: text,
          priority: { type: 'integer' },
        },
      },
    },
    selectableFields: {
      type: 'array',
      items: { type: 'object', required: ['jsonPath'], properties: { jsonPath: text } },
    },
  },
};

/** Whether a CustomResourceDefinition has the form that the other checks count on. */
export const checkEnvelope: Validator = compileValidator({
  definitions: { schema: schemaNode },
  type: 'object',
  required: ['metadata', 'spec'],
  properties: {
    metadata: { type: 'object', required: ['name'], properties: { name: text, annotations: { type: 'object' } } },
    spec: {
      type: 'object',
      required: ['group', 'names', 'scope', 'versions'],
      properties: {
        group: text,
        scope: text,
        preserveUnknownFields: flag,
        names: {
          type: 'object',
          required: ['plural', 'kind'],
          properties: {
            plural: text,
            singular: text,
            kind: text,
            listKind: text,
            shortNames: texts,
            categories: texts,
          },
        },
        versions: { type: 'array', items: version },
        conversion: { type: 'object', required: ['strategy'], properties: { strategy: text } },
      },
    },
    status: { type: 'object', properties: { storedVersions: texts } },
  },
});
