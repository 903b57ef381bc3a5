import {
  conditionsField,
  labelSelectorField,
  LENGTHS,
  lastHandledRequestField,
  nameField,
  objectReference,
  observedGenerationField,
  placementFields,
  SELECTABLE_PLACEMENT,
  timeField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { databaseLimitFields, dnsFields, limitFields, phpLimitFields, proxyTargetsField } from './limits.ts';

const suspensionsField = {
  type: 'array',
  description: 'Why the tenant is suspended; empty: it is active. Everybody lifts only what they put there.',
  maxItems: 32,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['by', 'reason'],
  items: {
    type: 'object',
    description: 'One reason by one actor.',
    required: ['by', 'reason'],
    properties: {
      by: {
        type: 'string',
        description: 'Who suspends: a person or a program.',
        minLength: 1,
        maxLength: 128,
        pattern: PATTERNS.subject,
      },
      reason: {
        type: 'string',
        description: 'What for.',
        enum: ['Billing', 'Abuse', 'Quota', 'Security', 'Maintenance', 'Requested'],
      },
      message: {
        type: 'string',
        description: 'A sentence for the customer.',
        maxLength: 512,
        pattern: PATTERNS.sentence,
      },
    },
  },
} as const satisfies Schema;

const effectiveField = {
  type: 'object',
  description: 'Package, defaults and overrides resolved: what holds at the moment.',
  properties: {
    packageName: nameField('The package in force.'),
    limits: { type: 'object', description: 'Amounts in force.', properties: limitFields },
    php: { type: 'object', description: 'What PHP sites may use.', properties: phpLimitFields },
    database: {
      type: 'object',
      description: 'What databases and their users may use.',
      properties: databaseLimitFields,
    },
    dns: { type: 'object', description: 'What zones get.', properties: dnsFields },
    proxyTargets: proxyTargetsField,
    suspended: { type: 'boolean', description: 'Whether the tenant, or the reseller it belongs to, is suspended.' },
    suspendedFor: {
      type: 'string',
      description: 'The sentence that visitors and the customer read.',
      maxLength: LENGTHS.message,
    },
  },
} as const satisfies Schema;

export const tenantKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Tenant',
  plural: 'tenants',
  singular: 'tenant',
  shortNames: ['ten'],
  categories: ['hosting'],
  scope: 'Cluster',
  description: 'A customer: owns a namespace of the same name, a Unix user id and a share of a host.',
  spec: {
    type: 'object',
    description: 'What the customer gets.',
    properties: {
      packageRef: objectReference('The package; the default package when absent.'),
      parentRef: objectReference('The reseller that this tenant belongs to; its limits count all its tenants.'),
      owners: {
        type: 'array',
        description: 'Who may work in the namespace.',
        default: [],
        maxItems: 64,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['kind', 'name'],
        items: {
          type: 'object',
          description: 'A person, a group or a program.',
          required: ['kind', 'name'],
          properties: {
            kind: {
              type: 'string',
              description: 'User, Group, or ServiceAccount of the tenant’s own namespace.',
              enum: ['User', 'Group', 'ServiceAccount'],
            },
            name: {
              type: 'string',
              description: 'Name as the API server knows it.',
              minLength: 1,
              maxLength: LENGTHS.name,
              pattern: PATTERNS.subject,
            },
          },
          'x-kubernetes-validations': [
            {
              rule: "!self.name.startsWith('system:')",
              message: 'names that begin with system: belong to Kubernetes',
              fieldPath: '.name',
            },
          ],
        },
      },
      limits: {
        type: 'object',
        description: 'Overrides of the package’s amounts.',
        default: {},
        properties: limitFields,
      },
      placement: {
        type: 'object',
        description: 'Where the tenant may run.',
        default: {},
        properties: {
          hostSelector: labelSelectorField('Labels that the host must have.'),
          host: nameField(
            'The host that the tenant belongs on: it is moved there as soon as that takes it, and is elsewhere as long as it does not.',
          ),
        },
      },
      suspensions: { ...suspensionsField, default: [] },
    },
  },
  status: {
    type: 'object',
    description: 'What the tenant has.',
    properties: {
      observedGeneration: observedGenerationField,
      lastHandledRequestAt: lastHandledRequestField,
      ...placementFields,
      movedAt: timeField('When the tenant came to its host from another one.'),
      uid: {
        type: 'integer',
        description: 'Unix user id of everything that runs for the tenant.',
        format: 'int32',
        minimum: 0,
      },
      directory: { type: 'string', description: 'Where the files lie on the host.', maxLength: LENGTHS.message },
      suspendedSince: timeField('Since when the tenant is suspended.'),
      effective: effectiveField,
      conditions: conditionsField,
    },
  },
  validations: [
    {
      rule: "self.metadata.name.size() <= 32 && self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",
      message: 'the name of a tenant has at most 32 lower-case letters, digits and dashes and begins with a letter',
      fieldPath: '.metadata.name',
    },
    {
      rule: "!self.metadata.name.startsWith('kube-') && !self.metadata.name.startsWith('wcp360-') && !(self.metadata.name in ['default', 'root', 'daemon', 'bin', 'sys', 'sync', 'games', 'man', 'lp', 'mail', 'news', 'uucp', 'proxy', 'backup', 'list', 'irc', 'nobody', 'www-data', 'systemd-network', 'messagebus', 'sshd', 'admin', 'administrator', 'wcp360', 'wcpd', 'mysql', 'postgres', 'postfix', 'dovecot', 'pdns', 'nginx', 'localhost'])",
      message: 'this name is reserved',
      fieldPath: '.metadata.name',
    },
    {
      rule: '!has(self.spec.parentRef) || self.spec.parentRef.name != self.metadata.name',
      message: 'a tenant can not be its own reseller',
      fieldPath: '.spec.parentRef.name',
    },
  ],
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether sites can be served.',
    },
    {
      name: 'Package',
      type: 'string',
      jsonPath: '.status.effective.packageName',
      description: 'The package in force.',
    },
    {
      name: 'Suspended',
      type: 'boolean',
      jsonPath: '.status.effective.suspended',
      description: 'Whether the tenant is suspended.',
    },
    { name: 'Host', type: 'string', jsonPath: '.status.host', description: 'Where the tenant runs.' },
    { name: 'UID', type: 'integer', jsonPath: '.status.uid', description: 'Unix user id.', priority: 1 },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is or is not ready.',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
  selectableFields: SELECTABLE_PLACEMENT,
});

export type Tenant = ResourceOf<typeof tenantKind>;
