import {
  conditionsField,
  countField,
  LENGTHS,
  nameField,
  objectReference,
  observedGenerationField,
  textField,
  timeField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { engineField, serverNameField } from './database.ts';

const externalField = {
  type: 'object',
  description: 'A server elsewhere, which all hosts reach. Nobody else’s databases and logins there are touched.',
  required: ['address', 'adminSecretRef'],
  properties: {
    address: {
      type: 'string',
      description: 'Its name or address, and its port: `db.internal:5432`.',
      maxLength: 260,
      pattern: PATTERNS.serverAddress,
    },
    adminSecretRef: objectReference(
      'A Secret of the namespace `wcp360-system` with the `username` and `password` of an administrator: a superuser of PostgreSQL, one with all privileges of MariaDB.',
    ),
    tls: {
      type: 'object',
      description: 'By what the server is known. Nothing is said to it without TLS.',
      default: {},
      properties: {
        caBundle: {
          type: 'string',
          description:
            'Certificates in PEM, one of which its own has to come from; those that the system trusts when absent.',
          maxLength: 65_536,
          pattern: PATTERNS.certificates,
        },
        serverName: {
          type: 'string',
          description: 'The name that its certificate is for, where that is not the name or the address in `address`.',
          maxLength: LENGTHS.hostname,
          pattern: PATTERNS.hostname,
        },
      },
    },
  },
} as const satisfies Schema;

const networkField = {
  type: 'object',
  description:
    'Where it is reached over the network, with TLS alone, by DatabaseUsers that say from where they come (`spec.hosts`). Absent: by its socket alone. Of several DatabaseServers of an engine, what the first by name says counts.',
  required: ['tls'],
  properties: {
    addresses: {
      type: 'array',
      description:
        'Addresses that it listens on, which each host has to have; all that a host has when empty. The port is the usual one of the engine: 5432, or 3306.',
      default: [],
      maxItems: 8,
      'x-kubernetes-list-type': 'set',
      items: { type: 'string', description: 'IPv4 or IPv6.', maxLength: 45, pattern: PATTERNS.address },
    },
    tls: {
      type: 'object',
      description: 'What it is known by.',
      required: ['secretRef'],
      properties: {
        secretRef: objectReference(
          'The Secret of type kubernetes.io/tls with the certificate, its chain and its key, in wcp360-system.',
        ),
        caBundle: {
          type: 'string',
          description:
            'Certificates in PEM by which clients know it, shown in the status of DatabaseUsers; those that systems trust when absent.',
          maxLength: 65_536,
          pattern: PATTERNS.certificates,
        },
      },
    },
  },
} as const satisfies Schema;

const versionField = { type: 'string', maxLength: 16, pattern: PATTERNS.versionNumbers } as const;

const specField = {
  type: 'object',
  description: 'Which server, and who uses it. One of managed, host and external.',
  required: ['engine'],
  properties: {
    engine: engineField,
    isDefault: {
      type: 'boolean',
      description:
        'New Databases of the engine that name no other come here; of several defaults, to the first by name.',
      default: false,
    },
    managed: {
      type: 'object',
      description: 'The server that each host makes and keeps for itself, apart from whatever else runs there.',
      properties: { network: networkField },
    },
    host: {
      type: 'object',
      description: 'Each host’s own server, as Debian’s package runs it, by its socket.',
      properties: {},
    },
    external: externalField,
    lost: {
      type: 'boolean',
      description:
        'A server elsewhere that is gone for good, with all that was on it: nobody speaks to it any more, and what is deleted goes without it.',
      default: false,
    },
    adoptable: {
      type: 'array',
      description: 'Databases that are there already and may be taken over (`spec.adopt` of a Database), and by whom.',
      default: [],
      maxItems: 1_000,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['databaseName'],
      items: {
        type: 'object',
        description: 'A database, and whose it becomes.',
        required: ['databaseName', 'namespace'],
        properties: {
          databaseName: serverNameField,
          namespace: nameField('The namespace of the tenant that may have it.'),
        },
      },
    },
    versions: {
      type: 'object',
      description: 'Which versions will do; a server of another one is not used.',
      default: {},
      properties: {
        min: { ...versionField, description: 'The least: `15`, `10.11`.' },
        max: { ...versionField, description: 'The largest: with `16`, 16.4 will do.' },
      },
    },
    limits: {
      type: 'object',
      description: 'What it is good for.',
      default: {},
      properties: {
        databases: countField('How many Databases may be on it; those that are there stay.'),
        connections: {
          type: 'integer',
          description:
            'Of a managed server: sessions that all DatabaseUsers of a host may have at the same time, together; as many as fit the machine when absent, and a change starts the server anew. Of all others: sessions that one DatabaseUser may have there; the package may give less.',
          format: 'int32',
          minimum: 1,
          maximum: 5_000,
        },
      },
    },
  },
  'x-kubernetes-validations': [
    {
      rule: '[has(self.managed), has(self.host), has(self.external)].filter(set, set).size() == 1',
      message: 'exactly one of managed, host and external',
    },
    {
      rule: '!self.lost || has(self.external)',
      message: 'what runs on a host is lost with its Host: say so there',
      fieldPath: '.lost',
    },
    {
      rule: 'self.engine == oldSelf.engine && has(self.managed) == has(oldSelf.managed) && has(self.host) == has(oldSelf.host)',
      message: 'a server does not become another one: make a DatabaseServer beside it',
    },
    {
      rule: '!has(self.external) || !has(oldSelf.external) || self.external.address == oldSelf.external.address',
      message: 'its Databases do not follow to another address: make another DatabaseServer and clone them there',
      fieldPath: '.external.address',
    },
  ],
} as const satisfies Schema;

export const databaseServerKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'DatabaseServer',
  plural: 'databaseservers',
  singular: 'databaseserver',
  shortNames: ['wdbserver'],
  categories: ['hosting'],
  scope: 'Cluster',
  validations: [
    {
      rule: 'self.metadata.name.size() <= 63',
      message: 'the name of a DatabaseServer has at most 63 characters',
      fieldPath: '.metadata.name',
    },
  ],
  description:
    'A server that Databases can be on. Where there is none of an engine, each host makes its own when it is needed.',
  spec: specField,
  status: {
    type: 'object',
    description: 'What it is, and what is on it.',
    properties: {
      observedGeneration: observedGenerationField,
      version: textField('Version of the server; of the oldest one where each host has its own.'),
      endOfLife: timeField(
        'When the makers of the server mend this version for the last time; absent where that is not known.',
      ),
      databases: countField('How many Databases are on it.'),
      certificateVersion: textField(
        'resourceVersion of the Secret with its certificate (`spec.managed.network`): tells one certificate from the next.',
      ),
      hosts: {
        type: 'array',
        description: 'Hosts whose agents may use it.',
        maxItems: 1_000,
        'x-kubernetes-list-type': 'set',
        items: nameField('Name of the Host.'),
      },
      conditions: conditionsField,
    },
  },
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether Databases can be on it.',
    },
    { name: 'Engine', type: 'string', jsonPath: '.spec.engine', description: 'Which kind of server it is.' },
    { name: 'Default', type: 'boolean', jsonPath: '.spec.isDefault', description: 'For Databases that name no other.' },
    { name: 'Version', type: 'string', jsonPath: '.status.version', description: 'Version of the server.' },
    { name: 'Databases', type: 'integer', jsonPath: '.status.databases', description: 'How many are on it.' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is or is not ready.',
    },
    {
      name: 'Address',
      type: 'string',
      jsonPath: '.spec.external.address',
      description: 'Where it is, if elsewhere.',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
});

export type DatabaseServer = ResourceOf<typeof databaseServerKind>;
