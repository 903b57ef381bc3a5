import {
  bytesField,
  countField,
  cpuField,
  durationField,
  hostnameField,
  timeToLiveField,
} from '#schemas/meta/fragments.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { recordNameField, RECORD_RULES, recordTypeField } from './record-fields.ts';

/** Pieces that Package, Tenant and a Tenant's effective limits share. What is absent is not limited. */

export const limitFields = {
  domains: countField('Domains in the namespace.'),
  databases: countField('Databases in the namespace.'),
  databaseUsers: countField('DatabaseUsers in the namespace.'),
  zones: countField('Zones in the namespace, those that Domains make among them.'),
  dnsRecords: countField(
    'DNSRecords in the namespace, those that follow from Domains and from the package among them.',
  ),
  certificates: countField('Certificates in the namespace, those that Domains make among them.'),
  issuers: countField('Issuers in the namespace.'),
  mailboxes: countField('Mailboxes in the namespace.'),
  storage: bytesField('Disk space of all files together, such as `20Gi`.'),
  traffic: bytesField('Traffic in a month, such as `1Ti`.'),
  cpu: cpuField('Processor time, such as `500m` (half a core) or `2`.'),
  memory: bytesField('Memory of all processes together, such as `1Gi`.'),
  processes: countField('Processes and threads at the same time.'),
} as const satisfies Readonly<Record<string, Schema>>;

export const phpVersionField = {
  type: 'string',
  description: 'A PHP version, such as `8.2`.',
  maxLength: 8,
  pattern: PATTERNS.phpVersion,
} as const satisfies Schema;

export const phpLimitFields = {
  versions: {
    type: 'array',
    description:
      'PHP versions that may be used; the first is taken where a site names none. Empty: all that the host has.',
    maxItems: 16,
    'x-kubernetes-list-type': 'set',
    items: phpVersionField,
  },
  children: { ...countField('Requests that one site may work on at the same time.'), minimum: 1, maximum: 512 },
  memory: bytesField('Largest memory limit of one request, such as `256Mi`.'),
} as const satisfies Readonly<Record<string, Schema>>;

export const databaseLimitFields = {
  storage: bytesField(
    'Most that one database may hold, such as `2Gi`, also where it asks for more or for nothing; not limited when absent.',
  ),
  connections: {
    ...countField('Most sessions that one DatabaseUser may have at the same time, also where it asks for more.'),
    minimum: 1,
    maximum: 500,
  },
  statementTimeout: durationField('How long a statement may take, such as `10m`; `0s` for as long as it likes.'),
  temporaryFiles: bytesField(
    'Disk space that one session may use for sorting and the like, such as `1Gi`; of PostgreSQL alone.',
  ),
  retained: countField(
    'How many deleted Databases of a tenant may be kept (RetainedData): once so many are, no other is made before one of them is declared again, purged, or over.',
  ),
  retainedStorage: bytesField(
    'Most that deleted Databases of a tenant may hold together while they are kept, such as `20Gi`: once they hold more, no other is made, as with `retained`; not limited when absent.',
  ),
} as const satisfies Readonly<Record<string, Schema>>;

const zoneRecordField = {
  type: 'object',
  description: 'One set of records.',
  required: ['name', 'type', 'values'],
  properties: {
    name: recordNameField,
    type: recordTypeField,
    ttl: timeToLiveField('How long others may remember the answer; the zone’s when absent.'),
    values: {
      type: 'array',
      description: 'The values, as in a DNSRecord; `$(ZONE)` in one stands for the name of the zone.',
      minItems: 1,
      maxItems: 32,
      'x-kubernetes-list-type': 'set',
      items: { type: 'string', description: 'One value.', maxLength: 1024, pattern: PATTERNS.recordText },
    },
  },
  'x-kubernetes-validations': [RECORD_RULES.single, RECORD_RULES.apex],
} as const satisfies Schema;

export const dnsFields = {
  nameservers: {
    type: 'array',
    description: 'Names of the servers that answer for zones which name none of their own; the first is the primary.',
    maxItems: 13,
    'x-kubernetes-list-type': 'set',
    items: hostnameField('Name of a server.'),
  },
  records: {
    type: 'array',
    description:
      'Records that every zone has, as DNSRecords of its Zone. What people declare, and what follows from Domains, counts for more. Not in catalogs and reverse zones.',
    maxItems: 64,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name', 'type'],
    items: zoneRecordField,
  },
} as const satisfies Readonly<Record<string, Schema>>;

export const proxyTargetsField = {
  type: 'array',
  description:
    'Addresses that sites may pass requests on to. None unless listed; a socket in the tenant’s own tree needs no entry.',
  maxItems: 32,
  items: {
    type: 'object',
    description: 'A network and the ports in it.',
    required: ['cidr', 'ports'],
    properties: {
      cidr: {
        type: 'string',
        description: 'The network, such as `127.0.0.1/32`.',
        maxLength: 64,
        pattern: PATTERNS.cidr,
      },
      ports: {
        'x-kubernetes-int-or-string': true,
        description: 'A port, such as `8080`, or a range, such as `3000-3999`.',
        minimum: 1,
        maximum: 65_535,
        maxLength: 11,
        pattern: PATTERNS.ports,
      },
    },
  },
} as const satisfies Schema;
