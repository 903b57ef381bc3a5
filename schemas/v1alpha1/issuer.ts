import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { issuerColumns, issuerFields, issuerRules, issuerStatus } from './issuer-spec.ts';

export const issuerKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Issuer',
  plural: 'issuers',
  singular: 'issuer',
  shortNames: ['wiss'],
  categories: ['hosting'],
  scope: 'Namespaced',
  description: 'Where certificates of one tenant come from. Secrets that it names are of the same namespace.',
  spec: {
    type: 'object',
    description: 'One of acme, ca and selfSigned.',
    properties: issuerFields,
  },
  validations: issuerRules,
  status: issuerStatus,
  columns: issuerColumns,
});

export type Issuer = ResourceOf<typeof issuerKind>;
