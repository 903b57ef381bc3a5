import {
  conditionsField,
  durationField,
  LENGTHS,
  observedGenerationField,
  textField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const changeField = {
  type: 'object',
  description: 'One field that changes.',
  required: ['field'],
  properties: {
    field: textField('Which field.'),
    from: { type: 'string', description: 'Its value now.', maxLength: 65_536 },
    to: { type: 'string', description: 'Its value afterwards.', maxLength: 65_536 },
  },
} as const satisfies Schema;

const actionField = {
  type: 'object',
  description: 'One change that would be made.',
  required: ['driver', 'op', 'subject', 'reason', 'disruption'],
  properties: {
    driver: textField('What would make it.'),
    op: textField('The kind of change.'),
    subject: textField('What would be changed.'),
    reason: textField('Why.'),
    disruption: {
      type: 'string',
      description: 'What visitors would notice.',
      enum: ['none', 'reload', 'restart', 'data-loss'],
    },
    changes: { type: 'array', description: 'Fields that change.', maxItems: 1024, items: changeField },
    input: {
      type: 'object',
      description: 'The change as its driver takes it.',
      'x-kubernetes-preserve-unknown-fields': true,
    },
  },
} as const satisfies Schema;

export const planRequestKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'PlanRequest',
  plural: 'planrequests',
  singular: 'planrequest',
  shortNames: ['wplan'],
  categories: ['hosting'],
  scope: 'Namespaced',
  description:
    'A question: what would be done if this object stood? `wcpctl diff` asks it and deletes it again; nothing is changed.',
  spec: {
    type: 'object',
    description: 'The question.',
    required: ['object'],
    properties: {
      timeToLive: { ...durationField('How long the answer is kept.'), default: '5m' },
      object: {
        type: 'object',
        description: 'The object in question, of a kind of ours and the same namespace.',
        'x-kubernetes-preserve-unknown-fields': true,
        'x-kubernetes-embedded-resource': true,
      },
    },
  },
  status: {
    type: 'object',
    description: 'The answers.',
    properties: {
      observedGeneration: observedGenerationField,
      plans: {
        type: 'array',
        description: 'What each would do, one entry per controller concerned.',
        maxItems: 256,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['by'],
        items: {
          type: 'object',
          description: 'The answer of one controller.',
          required: ['by'],
          properties: {
            by: {
              type: 'string',
              description: 'Who answers, such as `host/web1`.',
              maxLength: LENGTHS.name,
              pattern: PATTERNS.sentence,
            },
            actions: {
              type: 'array',
              description: 'What would be done, in order.',
              maxItems: 1024,
              items: actionField,
            },
            reason: textField('Why nothing can be planned yet.'),
            message: textField('The same as a sentence.'),
          },
        },
      },
      conditions: conditionsField,
    },
  },
  columns: [
    { name: 'Kind', type: 'string', jsonPath: '.spec.object.kind', description: 'Kind of the object in question.' },
    { name: 'Object', type: 'string', jsonPath: '.spec.object.metadata.name', description: 'Its name.' },
    { name: 'Answers', type: 'string', jsonPath: '.status.plans[*].by', description: 'Who has answered.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was asked.' },
  ],
});

export type PlanRequest = ResourceOf<typeof planRequestKind>;
