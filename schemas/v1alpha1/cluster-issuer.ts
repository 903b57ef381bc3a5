import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { issuerColumns, issuerFields, issuerRules, issuerStatus } from './issuer-spec.ts';

export const clusterIssuerKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'ClusterIssuer',
  plural: 'clusterissuers',
  singular: 'clusterissuer',
  shortNames: ['wciss'],
  categories: ['hosting'],
  scope: 'Cluster',
  description:
    'Where certificates of all tenants come from. Secrets that it names are of the namespace `wcp360-system`.',
  spec: {
    type: 'object',
    description: 'One of acme, ca and selfSigned.',
    properties: {
      isDefault: {
        type: 'boolean',
        description: 'Every Domain that names no other gets its certificate from here.',
        default: false,
      },
      ...issuerFields,
    },
  },
  validations: issuerRules,
  status: issuerStatus,
  columns: [
    { name: 'Default', type: 'boolean', jsonPath: '.spec.isDefault', description: 'For Domains that name no other.' },
    ...issuerColumns,
  ],
});

export type ClusterIssuer = ResourceOf<typeof clusterIssuerKind>;
