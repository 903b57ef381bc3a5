import {
  conditionsField,
  LENGTHS,
  objectReference,
  observedGenerationField,
  placementFields,
  SELECTABLE_PLACEMENT,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';

export const challengeKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Challenge',
  plural: 'challenges',
  singular: 'challenge',
  shortNames: ['wchal'],
  categories: ['hosting'],
  scope: 'Namespaced',
  description:
    'What a CA wants to see before it believes that a name is ours. Made and deleted by the order of a Certificate.',
  spec: {
    type: 'object',
    description: 'What is to be seen, and where.',
    required: ['type', 'dnsName', 'token', 'key', 'certificateRef'],
    properties: {
      type: {
        type: 'string',
        description:
          'HTTP-01: the web front answers; DNS-01: a TXT record does (RFC 8555 §8); TLS-ALPN-01: a handshake with the web front does (RFC 8737).',
        enum: ['HTTP-01', 'DNS-01', 'TLS-ALPN-01'],
      },
      dnsName: {
        type: 'string',
        description: 'The name, without `*.`.',
        maxLength: LENGTHS.hostname,
        pattern: PATTERNS.hostname,
      },
      token: {
        type: 'string',
        description: 'What the CA calls it.',
        minLength: 1,
        maxLength: 128,
        pattern: PATTERNS.base64url,
      },
      key: {
        type: 'string',
        description: 'What it wants to see there: nothing secret.',
        minLength: 1,
        maxLength: 256,
        pattern: PATTERNS.keyAuthorization,
      },
      certificateRef: objectReference('The Certificate whose order it is of.'),
    },
  },
  status: {
    type: 'object',
    description: 'Whether it is to be seen.',
    properties: {
      observedGeneration: observedGenerationField,
      ...placementFields,
      conditions: conditionsField,
    },
  },
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether it is to be seen.',
    },
    { name: 'Type', type: 'string', jsonPath: '.spec.type', description: 'How.' },
    { name: 'Name', type: 'string', jsonPath: '.spec.dnsName', description: 'The name that is shown to be ours.' },
    {
      name: 'Certificate',
      type: 'string',
      jsonPath: '.spec.certificateRef.name',
      description: 'Whose order it is of.',
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
  selectableFields: SELECTABLE_PLACEMENT,
});

export type Challenge = ResourceOf<typeof challengeKind>;
