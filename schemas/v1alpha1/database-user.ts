import {
  conditionsField,
  nameField,
  observedGenerationField,
  placementFields,
  SELECTABLE_PLACEMENT,
  textField,
  timeField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { serverNameField } from './database.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const specField = {
  type: 'object',
  description: 'What it may use, and where its password is.',
  required: ['databases', 'secretName'],
  properties: {
    databases: {
      type: 'array',
      description:
        'Databases of the namespace that it may use, all on one server. What the Secret says is for the first one.',
      minItems: 1,
      maxItems: 16,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        description: 'A database, and what may be done there.',
        required: ['name'],
        properties: {
          name: nameField('Name of the Database.'),
          access: {
            type: 'string',
            description: 'Owner makes and changes tables, ReadWrite changes what is in them, ReadOnly looks.',
            enum: ['Owner', 'ReadWrite', 'ReadOnly'],
            default: 'Owner',
          },
        },
      },
    },
    secretName: nameField(
      'The Secret that is made with `host`, `port`, `socket`, `database`, `username`, `password` and `uri`. One that is there is not overwritten, unless it was made for this object.',
    ),
    connections: {
      type: 'integer',
      description: 'Sessions that it may have at the same time.',
      format: 'int32',
      minimum: 1,
      maximum: 500,
      default: 20,
    },
    suspended: { type: 'boolean', description: 'It cannot log in; whoever is logged in is put out.', default: false },
  },
} as const satisfies Schema;

export const databaseUserKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'DatabaseUser',
  plural: 'databaseusers',
  singular: 'databaseuser',
  shortNames: ['wdbuser'],
  categories: ['hosting'],
  scope: 'Namespaced',
  description: 'Somebody who uses databases, with a password in a Secret.',
  spec: specField,
  status: {
    type: 'object',
    description: 'What it is called, and whether it can log in.',
    properties: {
      observedGeneration: observedGenerationField,
      ...placementFields,
      username: serverNameField,
      secretVersion: textField('resourceVersion of the Secret; empty while it is not there.'),
      attempts: {
        type: 'integer',
        description: 'Failed attempts in a row; absent when the last one went well.',
        format: 'int32',
        minimum: 0,
      },
      nextTryAt: timeField('When the next attempt is made.'),
      conditions: conditionsField,
    },
  },
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether it can log in.',
    },
    {
      name: 'Databases',
      type: 'string',
      jsonPath: '.spec.databases[*].name',
      description: 'What it may use.',
    },
    { name: 'Secret', type: 'string', jsonPath: '.spec.secretName', description: 'Where its password is.' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is or is not ready.',
    },
    {
      name: 'Username',
      type: 'string',
      jsonPath: '.status.username',
      description: 'What it is called on the server.',
      priority: 1,
    },
    { name: 'Host', type: 'string', jsonPath: '.status.host', description: 'Where it is.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
  selectableFields: SELECTABLE_PLACEMENT,
});

export type DatabaseUser = ResourceOf<typeof databaseUserKind>;
