import type { Schema } from '#schemas/meta/schema.ts';

const text: Schema = { type: 'string', maxLength: 20 };
const partSchema: Schema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', minLength: 1 },
    side: { type: 'string', enum: ['left', 'right'], default: 'left' },
    weight: { type: 'number', minimum: 0, exclusiveMinimum: true },
  },
};

/** A schema with one of everything that a CustomResourceDefinition may say about a field. */
const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        replicas: { type: 'integer', format: 'int32', minimum: 0, maximum: 10, default: 1 },
        size: { type: 'integer', multipleOf: 5 },
        ratio: { type: 'number', maximum: 1 },
        port: { 'x-kubernetes-int-or-string': true },
        address: { type: 'string', format: 'ipv4' },
        since: { type: 'string', format: 'date-time', nullable: true },
        code: { type: 'string', pattern: '^[a-z]+$' },
        note: { ...text, default: 'none', nullable: true },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', maxItems: 3, items: text },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name', 'side'],
          items: partSchema,
          maxItems: 4,
        },
        steps: { type: 'array', items: { type: 'object', properties: { run: text }, required: ['run'] }, maxItems: 5 },
        labels: { type: 'object', additionalProperties: text, maxProperties: 3 },
        whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { x: text, y: text } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        inner: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
        either: {
          type: 'object',
          properties: { a: text, b: text },
          oneOf: [{ required: ['a'] }, { required: ['b'] }],
        },
        isOn: { type: 'boolean' },
        fixed: { ...text, 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'fixed is fixed' }] },
      },
      'x-kubernetes-validations': [
        { rule: '!has(self.size) || self.size >= self.replicas', message: 'size is at least replicas' },
        { rule: '!has(self.isOn) || !self.isOn || has(self.code)', fieldPath: '.code', reason: 'FieldValueRequired' },
      ],
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: text, phase: text } },
  },
};

const group = 'test.wcp360.io';

/** A kind for this test alone, with every kind of field, two versions, a status and a scale. */
export const gadgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `gadgets.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind: 'Gadget', plural: 'gadgets', singular: 'gadget', listKind: 'GadgetList' },
    versions: [
      { name: 'v1', served: true, storage: true },
      { name: 'v1beta1', served: true, storage: false, deprecated: true },
    ].map((version) => ({
      ...version,
      schema: { openAPIV3Schema: schema },
      selectableFields: [{ jsonPath: '.spec.code' }],
      additionalPrinterColumns: [
        { name: 'Code', type: 'string', jsonPath: '.spec.code' },
        { name: 'Size', type: 'integer', jsonPath: '.spec.size', priority: 1 },
        { name: 'Tags', type: 'string', jsonPath: '.spec.tags' },
        { name: 'Since', type: 'date', jsonPath: '.spec.since' },
      ],
      subresources: {
        status: {},
        scale: {
          specReplicasPath: '.spec.replicas',
          statusReplicasPath: '.status.replicas',
          labelSelectorPath: '.status.selector',
        },
      },
    })),
  },
};

export const gadgetRow = {
  kind: 'Gadget',
  apiVersion: `${group}/v1`,
  resource: 'gadgets',
  custom: true,
  subresources: ['status', 'scale'] as const,
  schema,
  example: {
    spec: {
      replicas: 2,
      size: 5,
      port: 'http',
      code: 'abc',
      tags: ['x', 'y'],
      parts: [{ name: 'wheel' }, { name: 'wheel', side: 'right' }],
      steps: [{ run: 'go' }],
      labels: { k: 'v' },
      whole: { x: '1' },
      free: { deep: { list: [1, 'two'] } },
      fixed: 'for ever',
    },
  },
};
