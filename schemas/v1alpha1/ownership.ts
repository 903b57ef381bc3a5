import { LENGTHS, textField } from '#schemas/meta/fragments.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** The record by which a tenant shows that a name is its own. */
export const ownershipChallengeFields = {
  name: { type: 'string', description: 'Name of the record.', maxLength: LENGTHS.hostname },
  type: { type: 'string', description: 'Its type.', enum: ['TXT'] },
  value: textField('Its value; others may stand beside it.'),
} as const satisfies Readonly<Record<string, Schema>>;

const required = ['name', 'type', 'value'] as const;

export const ownershipChallengeField = {
  type: 'object',
  description: 'A record that shows that the name is the tenant’s, once it is in the DNS. Absent when none is needed.',
  required,
  properties: ownershipChallengeFields,
} as const satisfies Schema;

/** Of an object with several names. */
export const ownershipChallengesField = {
  type: 'array',
  description: 'Names that are not shown to be the tenant’s, and the record for each that shows it.',
  maxItems: 66,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['hostname'],
  items: {
    type: 'object',
    description: 'One name.',
    required: ['hostname', ...required],
    properties: {
      hostname: { type: 'string', description: 'The name.', maxLength: LENGTHS.hostname },
      ...ownershipChallengeFields,
    },
  },
} as const satisfies Schema;
