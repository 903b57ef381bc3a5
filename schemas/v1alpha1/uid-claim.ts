import { conditionsField, objectReference, observedGenerationField } from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';

export const uidClaimKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'UIDClaim',
  plural: 'uidclaims',
  singular: 'uidclaim',
  shortNames: ['uidc'],
  categories: ['hosting'],
  scope: 'Cluster',
  description:
    'Whose a Unix user id is, named by the number. Controllers make it; it stays while anything that carries the number is kept.',
  spec: {
    type: 'object',
    description: 'Who has the number.',
    required: ['tenantRef'],
    properties: { tenantRef: objectReference('The tenant that has the number.') },
  },
  status: {
    type: 'object',
    description: 'Whether the number is in use.',
    properties: { observedGeneration: observedGenerationField, conditions: conditionsField },
  },
  validations: [
    {
      rule: "self.metadata.name.matches('^[2-5][0-9]{4}$')",
      message: 'a claim of a user id is named by its number, from 20000 to 59999',
      fieldPath: '.metadata.name',
    },
    {
      rule: 'self.spec.tenantRef.name == oldSelf.spec.tenantRef.name',
      message: 'a user id does not pass to another tenant',
      fieldPath: '.spec.tenantRef.name',
    },
  ],
  columns: [
    { name: 'Tenant', type: 'string', jsonPath: '.spec.tenantRef.name', description: 'Whose it is.' },
    {
      name: 'State',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="InUse")].reason',
      description: 'What still carries the number.',
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was given.' },
  ],
});

export type UIDClaim = ResourceOf<typeof uidClaimKind>;
