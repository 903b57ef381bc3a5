import { conditionsField, countField, observedGenerationField } from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { databaseLimitFields, dnsFields, limitFields, phpLimitFields, proxyTargetsField } from './limits.ts';

export const packageKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Package',
  plural: 'packages',
  singular: 'package',
  shortNames: ['wpkg'],
  categories: ['hosting'],
  scope: 'Cluster',
  description: 'What a tenant may use: amounts, PHP versions and where sites may pass requests on to.',
  spec: {
    type: 'object',
    description: 'What tenants of this package may use.',
    properties: {
      isDefault: {
        type: 'boolean',
        description: 'Taken by tenants that name no package. Of several defaults the oldest counts.',
        default: false,
      },
      limits: {
        type: 'object',
        description: 'Amounts that a tenant may use; what is absent is not limited.',
        default: {},
        properties: limitFields,
      },
      php: {
        type: 'object',
        description: 'What PHP sites may use.',
        default: {},
        properties: {
          versions: { ...phpLimitFields.versions, default: [] },
          children: { ...phpLimitFields.children, default: 8 },
          memory: { ...phpLimitFields.memory, default: '256Mi' },
        },
      },
      database: {
        type: 'object',
        description: 'What databases and their users may use.',
        default: {},
        properties: {
          storage: databaseLimitFields.storage,
          connections: { ...databaseLimitFields.connections, default: 100 },
          statementTimeout: { ...databaseLimitFields.statementTimeout, default: '10m' },
          temporaryFiles: { ...databaseLimitFields.temporaryFiles, default: '1Gi' },
          retained: { ...databaseLimitFields.retained, default: 10 },
          retainedStorage: databaseLimitFields.retainedStorage,
        },
      },
      dns: {
        type: 'object',
        description: 'What zones get.',
        default: {},
        properties: {
          nameservers: { ...dnsFields.nameservers, default: [] },
          records: { ...dnsFields.records, default: [] },
        },
      },
      proxyTargets: { ...proxyTargetsField, default: [] },
    },
  },
  status: {
    type: 'object',
    description: 'How the package is used.',
    properties: {
      observedGeneration: observedGenerationField,
      tenants: countField('Tenants that have this package.'),
      conditions: conditionsField,
    },
  },
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether tenants can have it.',
    },
    {
      name: 'Default',
      type: 'boolean',
      jsonPath: '.spec.isDefault',
      description: 'Taken by tenants that name no package.',
    },
    { name: 'Tenants', type: 'integer', jsonPath: '.status.tenants', description: 'Tenants that have this package.' },
    {
      name: 'Domains',
      type: 'integer',
      jsonPath: '.spec.limits.domains',
      description: 'Domains that a tenant may have.',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
});

export type Package = ResourceOf<typeof packageKind>;
