import {
  attemptFields,
  conditionsField,
  driftField,
  durationField,
  nameField,
  observedGenerationField,
  placementFields,
  SELECTABLE_PLACEMENT,
  textField,
  timeField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import { serverNameField } from './database.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const rotationField = {
  type: 'object',
  description:
    'How a generated password is followed by another one: by the annotation `hosting.wcp360.io/rotate`, of which each new value asks for one, and by time.',
  default: {},
  properties: {
    interval: {
      ...durationField('How long a password is used. When absent, until the annotation asks for another one.'),
      'x-kubernetes-validations': [
        { rule: "duration(self) >= duration('1h')", message: 'at least 1h' },
        { rule: "duration(self) <= duration('87600h')", message: 'at most 87600h' },
      ],
    },
    gracePeriod: {
      ...durationField(
        'How long the password before works beside the one that follows. A change counts for the period that runs.',
      ),
      default: '24h',
      'x-kubernetes-validations': [{ rule: "duration(self) <= duration('720h')", message: 'at most 720h' }],
    },
  },
  'x-kubernetes-validations': [
    {
      rule: '!has(self.interval) || duration(self.interval) > duration(self.gracePeriod)',
      message: 'the interval has to be longer than the grace period',
      fieldPath: '.interval',
    },
  ],
} as const satisfies Schema;

const passwordsField = {
  type: 'array',
  description:
    'What the server is to take: the password that the Secret has, and beside it the one that follows, or the one before as long as it works.',
  maxItems: 2,
  'x-kubernetes-list-type': 'atomic',
  items: {
    type: 'object',
    description: 'One of its passwords.',
    required: ['id', 'login', 'state'],
    properties: {
      id: textField('What stands for it, also in the Secret that the agent reads.'),
      login: {
        type: 'string',
        description: 'Which of its two logins has it; on MariaDB these are one.',
        enum: ['First', 'Second'],
      },
      state: {
        type: 'string',
        description:
          'Current: the Secret has it. Next: the Secret gets it once the server takes it. Former: it works for a while.',
        enum: ['Current', 'Next', 'Former'],
      },
    },
  },
} as const satisfies Schema;

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
            description:
              'Owner makes and changes tables, ReadWrite changes what is in them, ReadOnly looks. Owner unless something is said here or in `privileges`.',
            enum: ['Owner', 'ReadWrite', 'ReadOnly'],
          },
          privileges: {
            type: 'array',
            description:
              'Single rights instead, on all tables, also on those that are made later. PostgreSQL has Select, Insert, Update and Delete; the others are of MariaDB.',
            minItems: 1,
            maxItems: 8,
            'x-kubernetes-list-type': 'set',
            items: {
              type: 'string',
              description: 'What it may.',
              enum: ['Select', 'Insert', 'Update', 'Delete', 'Execute', 'LockTables', 'ShowView', 'TemporaryTables'],
            },
          },
        },
        'x-kubernetes-validations': [
          { rule: '!has(self.access) || !has(self.privileges)', message: 'either access or privileges' },
        ],
      },
    },
    secretName: nameField(
      'The Secret that is made with `host`, `port`, `socket`, `database`, `username`, `password`, `uri` and `jdbc-uri`. One that is there is not overwritten, unless it was made for this object.',
    ),
    passwordSecretRef: {
      type: 'object',
      description:
        'A Secret with the password, made by a person; changes of it are followed at once. When absent, a password is generated.',
      required: ['name'],
      properties: {
        name: nameField('Name of the Secret.'),
        key: {
          type: 'string',
          description: 'What the password is called there. 8 to 256 characters, none of which is a control character.',
          maxLength: 253,
          pattern: PATTERNS.secretKey,
          default: 'password',
        },
      },
    },
    rotation: rotationField,
    hosts: {
      type: 'array',
      description:
        'Addresses and networks from which it may come over the network, where its server can keep to that: one that its host keeps for itself and that has a network (`spec.managed.network` of a DatabaseServer), or MariaDB elsewhere. When empty, by the socket alone, and to a server elsewhere from anywhere.',
      default: [],
      maxItems: 8,
      'x-kubernetes-list-type': 'set',
      items: { type: 'string', description: 'An address or a network.', maxLength: 43, pattern: PATTERNS.cidr },
    },
    connections: {
      type: 'integer',
      description: 'Sessions that it may have at the same time; no more than the package gives.',
      format: 'int32',
      minimum: 1,
      maximum: 500,
      default: 20,
    },
    drift: driftField,
    suspended: { type: 'boolean', description: 'It cannot log in; whoever is logged in is put out.', default: false },
  },
  'x-kubernetes-validations': [
    {
      rule: '!has(self.passwordSecretRef) || !has(self.rotation.interval)',
      message: 'a password that somebody gives is rotated by them: leave the interval away',
      fieldPath: '.rotation.interval',
    },
    {
      rule: "!self.secretName.startsWith('wcp360-')",
      message: 'names that begin with wcp360- are ours',
      fieldPath: '.secretName',
    },
    {
      rule: "!has(self.passwordSecretRef) || !self.passwordSecretRef.name.startsWith('wcp360-')",
      message: 'names that begin with wcp360- are ours',
      fieldPath: '.passwordSecretRef.name',
    },
    {
      rule: '!has(self.passwordSecretRef) || self.passwordSecretRef.name != self.secretName',
      message: 'the connection goes into another Secret than the one with the password',
      fieldPath: '.passwordSecretRef.name',
    },
  ],
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
  validations: [
    {
      rule: 'self.metadata.name.size() <= 63',
      message: 'the name of a DatabaseUser has at most 63 characters',
      fieldPath: '.metadata.name',
    },
  ],
  description: 'Somebody who uses databases, with a password in a Secret.',
  spec: specField,
  status: {
    type: 'object',
    description: 'What it is called, and whether it can log in.',
    properties: {
      observedGeneration: observedGenerationField,
      ...placementFields,
      server: nameField('The DatabaseServer that it was put on last; absent: the one that its host keeps for itself.'),
      username: serverNameField,
      remote: {
        type: 'object',
        description: 'Where it is reached from `spec.hosts`, with TLS, beside the socket that its Secret tells of.',
        required: ['addresses', 'port'],
        properties: {
          addresses: {
            type: 'array',
            description: 'Addresses of its host, public ones where there are some; empty where nobody has told any.',
            maxItems: 32,
            'x-kubernetes-list-type': 'set',
            items: { type: 'string', description: 'IPv4 or IPv6.', maxLength: 45, pattern: PATTERNS.address },
          },
          port: { type: 'integer', description: 'Its port.', format: 'int32', minimum: 1, maximum: 65_535 },
          caBundle: {
            type: 'string',
            description: 'Certificates in PEM, one of which its own comes from; those that systems trust when absent.',
            maxLength: 65_536,
            pattern: PATTERNS.certificates,
          },
        },
      },
      secretVersion: textField('resourceVersion of the Secret, once it is as it should be.'),
      passwords: passwordsField,
      acceptedPasswords: {
        type: 'array',
        description: 'Those that the server takes, by their id.',
        maxItems: 2,
        'x-kubernetes-list-type': 'atomic',
        items: textField('One of `passwords`.'),
      },
      rotatedAt: timeField('Since when the Secret has its password.'),
      rotatedFor: textField('The last value of the annotation `hosting.wcp360.io/rotate` that led to a new one.'),
      formerPasswordUntil: timeField('Until when the password before works.'),
      nextRotationAt: timeField('When the next password is made.'),
      ...attemptFields,
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
    {
      name: 'Rotated',
      type: 'date',
      jsonPath: '.status.rotatedAt',
      description: 'Time since its password was made.',
      priority: 1,
    },
    { name: 'Host', type: 'string', jsonPath: '.status.host', description: 'Where it is.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
  selectableFields: SELECTABLE_PLACEMENT,
});

export type DatabaseUser = ResourceOf<typeof databaseUserKind>;
