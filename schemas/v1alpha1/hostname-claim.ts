import {
  conditionsField,
  LENGTHS,
  nameField,
  objectReference,
  observedGenerationField,
  timeField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import { ownershipChallengeField } from './ownership.ts';

export const hostnameClaimKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'HostnameClaim',
  plural: 'hostnameclaims',
  singular: 'hostnameclaim',
  shortNames: ['hnc'],
  categories: ['hosting'],
  scope: 'Cluster',
  description:
    'Whose a hostname is. Controllers make it; the first to make it has the name, and nothing is served before it is bound.',
  spec: {
    type: 'object',
    description: 'The name and who claims it.',
    required: ['hostname', 'tenantRef'],
    properties: {
      hostname: {
        type: 'string',
        description: 'The name, or `*.` and a name for all names one level below.',
        maxLength: LENGTHS.hostname,
        pattern: PATTERNS.hostnameOrWildcard,
      },
      tenantRef: objectReference('The tenant that has the name.'),
      claimants: {
        type: 'array',
        description:
          'Objects of the tenant that use the name; without any the claim goes, unless it has an `ownership`.',
        maxItems: 64,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['uid'],
        items: {
          type: 'object',
          description: 'One object.',
          required: ['uid', 'kind', 'namespace', 'name'],
          properties: {
            uid: { type: 'string', description: 'Its uid.', minLength: 1, maxLength: 64, pattern: PATTERNS.uid },
            kind: { type: 'string', description: 'Its kind.', maxLength: 63, pattern: PATTERNS.kind },
            namespace: nameField('Its namespace.'),
            name: nameField('Its name.'),
          },
        },
      },
      ownership: {
        type: 'string',
        description:
          'What an administrator says of the name. Asserted: it is the tenant’s without proof. Revoked: it is not, nor are the tenant’s names below it.',
        enum: ['Asserted', 'Revoked'],
      },
      delegatedTo: {
        type: 'array',
        description: 'Tenants that may claim names below this one.',
        default: [],
        maxItems: 256,
        'x-kubernetes-list-type': 'set',
        items: {
          type: 'string',
          description: 'Name of a tenant.',
          maxLength: LENGTHS.label,
          pattern: PATTERNS.namespace,
        },
      },
    },
  },
  status: {
    type: 'object',
    description: 'Whether the claim holds.',
    properties: {
      observedGeneration: observedGenerationField,
      proof: {
        type: 'object',
        description: 'How the name was shown to be the tenant’s. Absent where that was not asked for.',
        required: ['method', 'provedAt'],
        properties: {
          method: {
            type: 'string',
            description:
              'Record: by the challenge. Delegation: its name servers became ours. Asserted: an administrator says so. Inherited: by a name above it.',
            enum: ['Record', 'Delegation', 'Asserted', 'Inherited'],
          },
          provedAt: timeField('When.'),
        },
      },
      challenge: ownershipChallengeField,
      looks: {
        type: 'object',
        description: 'How often the DNS was looked at in vain.',
        required: ['mark', 'since', 'count'],
        properties: {
          mark: { type: 'string', description: 'Tells apart what was looked for.', maxLength: 16 },
          since: timeField('When it was looked for first.'),
          count: { type: 'integer', description: 'Looks since then.', format: 'int32', minimum: 0 },
          request: { type: 'string', description: 'Tells apart what asked for the last look.', maxLength: 16 },
          wasElsewhere: {
            type: 'boolean',
            description:
              'Whether other name servers than ours were seen to have the name, so that it counts when it comes to ours.',
          },
        },
      },
      nextTryAt: timeField('When the DNS is looked at again.'),
      conditions: conditionsField,
    },
  },
  validations: [
    {
      rule: "self.spec.hostname.startsWith('*.') ? self.metadata.name == 'wc--any.' + self.spec.hostname.substring(2) : self.metadata.name == self.spec.hostname",
      message: 'the claim of a hostname is named like it (wc--any.x for *.x)',
      fieldPath: '.metadata.name',
    },
    {
      rule: "self.spec.tenantRef.name == oldSelf.spec.tenantRef.name || !(has(oldSelf.status) && has(oldSelf.status.conditions) && oldSelf.status.conditions.exists(c, c.type == 'Bound' && c.status == 'True'))",
      message: 'a claim that is bound does not pass to another tenant',
      fieldPath: '.spec.tenantRef.name',
    },
  ],
  columns: [
    {
      name: 'Bound',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Bound")].status',
      description: 'Whether the tenant has the name.',
    },
    { name: 'Hostname', type: 'string', jsonPath: '.spec.hostname', description: 'The name.' },
    { name: 'Tenant', type: 'string', jsonPath: '.spec.tenantRef.name', description: 'Whose it is.' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Bound")].reason',
      description: 'Why.',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was claimed.' },
  ],
});

export type HostnameClaim = ResourceOf<typeof hostnameClaimKind>;
