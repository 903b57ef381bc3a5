import {
  attemptFields,
  conditionsField,
  LENGTHS,
  lastHandledRequestField,
  observedGenerationField,
  placementFields,
} from '#schemas/meta/fragments.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { servedTlsField, shownSerialField } from './domain-tls.ts';
import { ownershipChallengesField } from './ownership.ts';

export const domainStatusField = {
  type: 'object',
  description: 'What is served, and how that was checked.',
  properties: {
    observedGeneration: observedGenerationField,
    lastHandledRequestAt: lastHandledRequestField,
    ...placementFields,
    readOnly: {
      type: 'boolean',
      description: 'Whether the files are read-only on their host, for the last copy of a move.',
    },
    hostnames: {
      type: 'array',
      description: 'All names that are ours, as bound.',
      maxItems: 66,
      items: { type: 'string', description: 'A name.', maxLength: LENGTHS.hostname },
    },
    challenges: ownershipChallengesField,
    previewHostname: {
      type: 'string',
      description:
        'A name of the platform under which the site is served while names are not shown to be the tenant’s.',
      maxLength: LENGTHS.hostname,
    },
    tls: servedTlsField,
    shownSerialNumber: shownSerialField,
    directory: { type: 'string', description: 'The domain’s own directory on the host.', maxLength: LENGTHS.message },
    phpVersion: { type: 'string', description: 'PHP version in use.', maxLength: 8 },
    secrets: {
      type: 'array',
      description: 'Secrets that are referred to, as they are now; a new version is taken up by itself.',
      maxItems: 32,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        description: 'One Secret.',
        required: ['name', 'resourceVersion'],
        properties: {
          name: { type: 'string', description: 'Its name.', maxLength: LENGTHS.name },
          resourceVersion: {
            type: 'string',
            description: 'Its resourceVersion; empty while it is not there.',
            maxLength: 64,
          },
        },
      },
    },
    ...attemptFields,
    conditions: conditionsField,
  },
} as const satisfies Schema;
