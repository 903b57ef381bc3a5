import { LENGTHS, objectReference, textField } from '#schemas/meta/fragments.ts';
import type { Schema } from '#schemas/meta/schema.ts';

function tokenOf<const D extends string>(description: D) {
  return {
    type: 'object',
    description,
    required: ['secretRef'],
    properties: {
      secretRef: objectReference('A Secret of the same namespace with the token, under the key `token`.'),
    },
  } as const satisfies Schema;
}

/** Whose name servers answer for a Zone; one of them. */
export const zoneProviderField = {
  type: 'object',
  description:
    'Whose name servers answer, in place of those of our hosts. The zone has to be there already; of its records those that are declared here are kept so, and others left alone. It does not change: where a Zone is answered is said when it is made.',
  'x-kubernetes-validations': [
    {
      rule: '[has(self.cloudflare), has(self.digitalOcean), has(self.hetzner), has(self.route53)].exists_one(named, named)',
      message: 'name one provider: cloudflare, digitalOcean, hetzner or route53',
    },
    {
      rule: 'has(self.cloudflare) == has(oldSelf.cloudflare) && has(self.digitalOcean) == has(oldSelf.digitalOcean) && has(self.hetzner) == has(oldSelf.hetzner) && has(self.route53) == has(oldSelf.route53)',
      message:
        'a Zone does not change its provider: delete it, and declare it again once the registrar names the new servers',
    },
  ],
  properties: {
    cloudflare: tokenOf('Cloudflare, by a token with Zone Read and DNS Write for the zone.'),
    digitalOcean: tokenOf('DigitalOcean, by a token that may read, create, update and delete domains.'),
    hetzner: tokenOf('Hetzner (its Cloud API), by a token of the project that may read and write.'),
    route53: {
      type: 'object',
      description: 'Amazon Route 53, by an access key that may list hosted zones, and list and change record sets.',
      required: ['secretRef'],
      properties: {
        secretRef: objectReference(
          'A Secret of the same namespace with the keys `access-key-id` and `secret-access-key`, and `session-token` where there is one.',
        ),
        hostedZoneID: {
          type: 'string',
          description: 'Of several public hosted zones of this name, the one that is meant.',
          maxLength: 32,
          pattern: '^Z[A-Z0-9]*$',
        },
      },
    },
  },
} as const satisfies Schema;

const keysField = <const D extends string>(description: D) =>
  ({
    type: 'array',
    description,
    maxItems: 20_000,
    'x-kubernetes-list-type': 'set',
    items: { type: 'string', description: 'A whole name and a type.', maxLength: LENGTHS.hostname + 16 },
  }) as const satisfies Schema;

/** What there is at a provider. */
export const zoneProviderStatus = {
  type: 'object',
  description: 'What is ours at the provider, and what is not.',
  properties: {
    records: keysField(
      'Names and types of records that were written, or are about to be: only these are ever changed or deleted.',
    ),
    ds: {
      type: 'array',
      description: 'What the registrar has to have, as in a DS record, where the provider signs and tells it.',
      maxItems: 8,
      items: textField('One DS.'),
    },
    blocked: keysField(
      'Names and types of records that are declared and not written, since others stand in the way that were not made here.',
    ),
  },
} as const satisfies Schema;
