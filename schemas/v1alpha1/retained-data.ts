import {
  bytesField,
  conditionsField,
  LENGTHS,
  nameField,
  objectReference,
  observedGenerationField,
  timeField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import { engineField, serverNameField } from './database.ts';

export const retainedDataKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'RetainedData',
  plural: 'retaineddata',
  singular: 'retaineddata',
  shortNames: ['kept'],
  categories: ['hosting'],
  scope: 'Cluster',
  description:
    'Data of a deleted object that is kept on a host. Deleting this purges the data; declaring the same object again takes it back.',
  spec: {
    type: 'object',
    description: 'What is kept and where.',
    required: ['objectRef', 'tenantRef', 'host'],
    properties: {
      objectRef: {
        type: 'object',
        description: 'The object that the data belonged to.',
        required: ['kind', 'namespace', 'name'],
        properties: {
          kind: { type: 'string', description: 'Its kind.', maxLength: 63, pattern: PATTERNS.kind },
          namespace: nameField('Its namespace.'),
          name: nameField('Its name.'),
        },
      },
      tenantRef: objectReference('Whose the data is.'),
      host: nameField('The host that keeps it; of a database on a server elsewhere, the one that looks after it.'),
      path: {
        type: 'string',
        description: 'Where files lie below the host’s root.',
        maxLength: LENGTHS.message,
        pattern: PATTERNS.relativePath,
      },
      userId: {
        type: 'integer',
        description: 'Unix user id that the files carry; absent: none of a tenant’s.',
        format: 'int32',
        minimum: 0,
      },
      database: {
        type: 'object',
        description: 'A database that is kept: on its server, closed to everybody, or in a file of the host.',
        required: ['engine', 'databaseName'],
        properties: {
          engine: engineField,
          databaseName: serverNameField,
          server: nameField('The DatabaseServer that it is on; absent: the one that the host keeps for itself.'),
          external: {
            type: 'boolean',
            description: 'Whether that server is none of a host’s: another host may look after what is kept there.',
            default: false,
          },
          dumpPath: {
            type: 'string',
            description:
              'The file below the host’s root that it becomes, for root alone: SQL, packed by gzip. Its server has it until the file was verified, and for good where there is none.',
            maxLength: LENGTHS.message,
            pattern: PATTERNS.relativePath,
          },
          sizeWhenFull: bytesField('What it held when it was found to hold more than it may; absent unless it did.'),
        },
        'x-kubernetes-validations': [
          { rule: '!self.external || has(self.server)', message: 'say which server is external', fieldPath: '.server' },
        ],
      },
      expiresAt: timeField('When it is purged by itself; absent: never.'),
    },
    'x-kubernetes-validations': [
      {
        rule: 'self.objectRef == oldSelf.objectRef && self.tenantRef == oldSelf.tenantRef',
        message: 'whose data is kept can not be changed',
      },
      { rule: 'has(self.path) || has(self.database)', message: 'say what is kept: a path, or a database' },
      {
        rule: '(self.host == oldSelf.host || (has(oldSelf.database) && oldSelf.database.external)) && has(self.path) == has(oldSelf.path) && (!has(self.path) || self.path == oldSelf.path)',
        message: 'where data is kept can not be changed',
      },
      {
        rule: 'has(self.database) == has(oldSelf.database) && (!has(self.database) || (self.database.engine == oldSelf.database.engine && self.database.databaseName == oldSelf.database.databaseName && has(self.database.server) == has(oldSelf.database.server) && (!has(self.database.server) || self.database.server == oldSelf.database.server) && self.database.external == oldSelf.database.external))',
        message: 'which database is kept can not be changed',
        fieldPath: '.database',
      },
    ],
  },
  status: {
    type: 'object',
    description: 'The state of what is kept.',
    properties: {
      observedGeneration: observedGenerationField,
      size: bytesField(
        'What a database holds, or held when it became a file, as far as it was measured; another one is told where it differs much.',
      ),
      conditions: conditionsField,
    },
  },
  columns: [
    { name: 'Kind', type: 'string', jsonPath: '.spec.objectRef.kind', description: 'Kind of the deleted object.' },
    { name: 'Namespace', type: 'string', jsonPath: '.spec.objectRef.namespace', description: 'Its namespace.' },
    { name: 'Object', type: 'string', jsonPath: '.spec.objectRef.name', description: 'Its name.' },
    { name: 'Host', type: 'string', jsonPath: '.spec.host', description: 'Where it is kept.' },
    {
      name: 'State',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'What there is of it.',
    },
    { name: 'Size', type: 'string', jsonPath: '.status.size', description: 'What it holds.' },
    { name: 'Expires', type: 'string', jsonPath: '.spec.expiresAt', description: 'When it is purged.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since deletion.' },
  ],
  selectableFields: ['.spec.host'],
});

export type RetainedData = ResourceOf<typeof retainedDataKind>;
