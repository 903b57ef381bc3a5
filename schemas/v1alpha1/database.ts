import {
  attemptFields,
  bytesField,
  conditionsField,
  driftField,
  durationField,
  nameField,
  objectReference,
  observedGenerationField,
  placementFields,
  SELECTABLE_PLACEMENT,
  textField,
  timeField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** Trusted ones of PostgreSQL's own, which give nobody more than their database, and a few that read only. */
const EXTENSIONS = [
  'btree_gin',
  'btree_gist',
  'citext',
  'cube',
  'fuzzystrmatch',
  'hstore',
  'intarray',
  'isn',
  'ltree',
  'pg_trgm',
  'pgcrypto',
  'seg',
  'tablefunc',
  'tcn',
  'unaccent',
  'uuid-ossp',
] as const;

export const engineField = {
  type: 'string',
  description: 'Which kind of server has it.',
  enum: ['PostgreSQL', 'MariaDB'],
} as const satisfies Schema;

/** A name on the server. */
export const serverNameField = {
  type: 'string',
  description: 'What it is called on the server.',
  maxLength: 32,
  pattern: PATTERNS.serverName,
} as const satisfies Schema;

const storageField = bytesField(
  'Most that its tables and indexes may take, such as `2Gi`: beyond, writes are refused, while reads and deletes go on. What the package gives when absent.',
);

const specField = {
  type: 'object',
  description: 'Which database, and what becomes of it.',
  required: ['engine'],
  properties: {
    engine: {
      ...engineField,
      'x-kubernetes-validations': [
        {
          rule: 'self == oldSelf',
          message: 'a database does not change its engine: make another one and copy what it holds',
        },
      ],
    },
    serverRef: objectReference(
      'The DatabaseServer that it is on, of the same engine. When absent, the default of the engine at the time when it is made, or else the server that its host keeps for itself.',
    ),
    adopt: {
      type: 'object',
      description:
        'A database that is on the server already is taken over with what it holds, if the DatabaseServer lists it for this namespace (`adoptable`).',
      required: ['databaseName'],
      properties: { databaseName: serverNameField },
    },
    collation: {
      type: 'string',
      description:
        'How texts are compared: a collation of MariaDB (`utf8mb4_unicode_ci` unless given), a locale of PostgreSQL (`C.UTF-8` unless given).',
      maxLength: 64,
      pattern: PATTERNS.collation,
    },
    extensions: {
      type: 'array',
      description:
        'Extensions that are installed in it; of PostgreSQL alone. One that is taken away goes when nothing uses it.',
      default: [],
      maxItems: 16,
      'x-kubernetes-list-type': 'set',
      items: { type: 'string', description: 'Name of an extension.', enum: EXTENSIONS },
    },
    limits: {
      type: 'object',
      description: 'What it may use.',
      default: {},
      properties: { storage: storageField },
    },
    drift: driftField,
    suspended: { type: 'boolean', description: 'Nobody is let in; what it holds stays.', default: false },
    deletionPolicy: {
      type: 'string',
      description:
        'What becomes of the data when the Database is deleted. It is kept closed (RetainedData), for a Database of the same name to take back: with Retain until somebody says otherwise, with Snapshot so, too, but in a file, once that was verified; with Delete for a day.',
      enum: ['Retain', 'Snapshot', 'Delete'],
      default: 'Retain',
    },
    retainFor: durationField(
      'How long the data is kept instead once the Database is deleted, such as `720h`; `0s` removes it with the Database.',
    ),
  },
  'x-kubernetes-validations': [
    {
      rule: 'has(self.collation) == has(oldSelf.collation) && (!has(self.collation) || self.collation == oldSelf.collation)',
      message: 'a database does not change its collation: make another one and copy what it holds',
      fieldPath: '.collation',
    },
    {
      rule: 'has(self.serverRef) == has(oldSelf.serverRef) && (!has(self.serverRef) || self.serverRef == oldSelf.serverRef)',
      message: 'a database does not move to another server: make another one and copy what it holds',
      fieldPath: '.serverRef',
    },
    {
      rule: 'has(self.adopt) == has(oldSelf.adopt) && (!has(self.adopt) || self.adopt == oldSelf.adopt)',
      message: 'a database does not become another one: make another Database',
      fieldPath: '.adopt',
    },
    {
      rule: '!has(self.adopt) || has(self.serverRef)',
      message: 'say in serverRef on which server the database is',
      fieldPath: '.adopt',
    },
    {
      rule: "self.engine == 'PostgreSQL' || self.extensions.size() == 0",
      message: 'MariaDB has no extensions: leave them away',
      fieldPath: '.extensions',
    },
  ],
} as const satisfies Schema;

export const databaseKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Database',
  plural: 'databases',
  singular: 'database',
  shortNames: ['wdb'],
  categories: ['hosting'],
  scope: 'Namespaced',
  validations: [
    {
      rule: 'self.metadata.name.size() <= 63',
      message: 'the name of a Database has at most 63 characters',
      fieldPath: '.metadata.name',
    },
  ],
  description:
    'A database, on the server of the tenant’s host unless another one is meant. Who uses it are DatabaseUsers.',
  spec: specField,
  status: {
    type: 'object',
    description: 'What it is called, and whether it can be used.',
    properties: {
      observedGeneration: observedGenerationField,
      ...placementFields,
      server: nameField('The DatabaseServer that it is on; absent: the one that its host keeps for itself.'),
      databaseName: serverNameField,
      serverVersion: textField('Version of the server that has it.'),
      serverEndOfLife: timeField(
        'When the makers of the server mend this version for the last time; absent where that is not known.',
      ),
      size: bytesField(
        'What its tables and indexes take, to about one percent; what every database has from its beginning does not count.',
      ),
      sizeWhenFull: bytesField('What it held when it was found to hold more than it may; absent unless it does.'),
      limits: {
        type: 'object',
        description: 'What is in force: its own limits, or those of the package where they are lower.',
        properties: { storage: bytesField('Most that its tables and indexes may take.') },
      },
      ...attemptFields,
      conditions: conditionsField,
    },
  },
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether it can be used.',
    },
    { name: 'Engine', type: 'string', jsonPath: '.spec.engine', description: 'Which kind of server has it.' },
    {
      name: 'Server',
      type: 'string',
      jsonPath: '.status.server',
      description: 'The DatabaseServer that it is on.',
      priority: 1,
    },
    { name: 'Size', type: 'string', jsonPath: '.status.size', description: 'What its tables and indexes take.' },
    {
      name: 'Limit',
      type: 'string',
      jsonPath: '.status.limits.storage',
      description: 'Most that they may take.',
      priority: 1,
    },
    {
      name: 'Name on server',
      type: 'string',
      jsonPath: '.status.databaseName',
      description: 'What it is called on the server.',
    },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is or is not ready.',
    },
    { name: 'Host', type: 'string', jsonPath: '.status.host', description: 'Where it is.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
  selectableFields: SELECTABLE_PLACEMENT,
});

export type Database = ResourceOf<typeof databaseKind>;
