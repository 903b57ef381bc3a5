import {
  attemptFields,
  conditionsField,
  hostnameField,
  lastHandledRequestField,
  LENGTHS,
  nameField,
  objectReference,
  observedGenerationField,
  placementFields,
  SELECTABLE_PLACEMENT,
  textField,
  timeToLiveField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { ownershipChallengesField } from './ownership.ts';
import { zoneProviderField, zoneProviderStatus } from './zone-provider.ts';

const specField = {
  type: 'object',
  description: 'The name, and how it is answered.',
  required: ['name'],
  'x-kubernetes-validations': [
    {
      rule: 'has(self.provider) == has(oldSelf.provider)',
      message: 'where a Zone is answered does not change: delete it, and declare it again',
      fieldPath: '.provider',
    },
    {
      rule: '!has(self.provider) || (!has(self.transfer) && (!has(self.catalog) || !self.catalog) && self.nameservers.size() == 0)',
      message: 'transfer, catalog and nameservers are the affair of the provider: leave them away',
      fieldPath: '.provider',
    },
  ],
  properties: {
    name: {
      ...hostnameField('Name of the zone: lower case, no dot at the end. Reverse zones end in `arpa`.'),
      'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a zone does not change its name' }],
    },
    provider: zoneProviderField,
    ttl: { ...timeToLiveField('How long others may remember answers, unless a record says otherwise.'), default: '1h' },
    nameservers: {
      type: 'array',
      description:
        'Names of the servers that answer, as at the registrar; those of the package when empty, and else `ns1.` and the zone.',
      default: [],
      maxItems: 13,
      'x-kubernetes-list-type': 'set',
      items: hostnameField('Name of a server.'),
    },
    dnssec: {
      type: 'object',
      description: 'Whether answers are signed. A provider signs or does not, whatever is said here.',
      default: {},
      properties: {
        enabled: {
          type: 'boolean',
          description:
            'Sign. Turned off, the zone stays signed while the zone above has a DS of it, and for as long afterwards as others may remember that.',
          default: true,
        },
        keys: {
          type: 'array',
          description:
            'Numbers of the keys that sign. To roll: add the next number, take the old number away, and give the registrar the DS of the new key (`status.dnssec.keys`) in place of the old one: the old key goes once its DS is forgotten.',
          default: [1],
          minItems: 1,
          maxItems: 4,
          'x-kubernetes-list-type': 'set',
          items: { type: 'integer', description: 'A number.', format: 'int32', minimum: 1, maximum: 9999 },
        },
      },
    },
    catalog: {
      type: 'boolean',
      description:
        'The zone is a list of others, those whose `transfer.catalogRef` names it, from which secondaries take them by themselves (RFC 9432). It is not signed.',
    },
    transfer: {
      type: 'object',
      description: 'Other servers that have a copy (secondaries).',
      'x-kubernetes-validations': [
        {
          rule: '!has(self.catalogRef) || (self.to.size() == 0 && !has(self.tsigSecretRef))',
          message: 'what the catalog says of to and tsigSecretRef counts: leave them away',
        },
      ],
      properties: {
        catalogRef: objectReference(
          'A Zone of the same namespace that is a catalog: whoever has it gets this zone, too, by the addresses and the key that it names.',
        ),
        to: {
          type: 'array',
          description: 'Their addresses: they may fetch the zone, and are told of changes.',
          default: [],
          maxItems: 32,
          'x-kubernetes-list-type': 'set',
          items: { type: 'string', description: 'IPv4 or IPv6.', maxLength: 45, pattern: PATTERNS.address },
        },
        tsigSecretRef: objectReference(
          'A Secret of the same namespace whose `key` (base64; `algorithm` is hmac-sha256 unless it says otherwise) signs transfers. The key is named like the zone; with it no address alone suffices.',
        ),
      },
    },
    deletionPolicy: {
      type: 'string',
      description:
        'What becomes of the keys when the Zone is deleted: Retain keeps their Secrets, so that the same Zone takes them back; Delete removes them.',
      enum: ['Retain', 'Delete'],
      default: 'Retain',
    },
  },
} as const satisfies Schema;

const keyField = {
  type: 'object',
  description: 'One key.',
  required: ['secretName', 'tag', 'dnskey', 'ds'],
  properties: {
    secretName: nameField('The Secret that holds it.'),
    tag: { type: 'integer', description: 'Its tag.', format: 'int32', minimum: 0, maximum: 65_535 },
    dnskey: textField('What is published of it, as in a DNSKEY record.'),
    ds: textField('What the registrar has to have, as in a DS record.'),
  },
} as const satisfies Schema;

const statusField = {
  type: 'object',
  description: 'What is answered, and how that was checked.',
  properties: {
    observedGeneration: observedGenerationField,
    lastHandledRequestAt: lastHandledRequestField,
    ...placementFields,
    servedBy: nameField('The host whose server answered for the zone.'),
    serial: {
      type: 'integer',
      description: 'Serial number that the server answered with.',
      format: 'int64',
      minimum: 0,
    },
    nameservers: {
      type: 'array',
      description: 'What the registrar has to have as name servers.',
      maxItems: 13,
      items: { type: 'string', description: 'A name.', maxLength: LENGTHS.hostname },
    },
    dnssec: {
      type: 'object',
      description: 'Keys that the zone is signed with, and what the registrar needs of them.',
      properties: {
        keys: { type: 'array', description: 'The keys, oldest first.', maxItems: 8, items: keyField },
      },
    },
    refusedRecords: {
      type: 'array',
      description: 'Records that the name server refuses; everything else is answered.',
      maxItems: 100,
      'x-kubernetes-list-type': 'atomic',
      items: {
        type: 'object',
        description: 'One of them.',
        required: ['record', 'message'],
        properties: {
          record: textField('Its whole name and its type, such as `www.acme.example. HTTPS`.'),
          message: textField('What the server says.'),
        },
      },
    },
    provider: zoneProviderStatus,
    challenges: ownershipChallengesField,
    tsigSecretVersion: textField('resourceVersion of the Secret for transfers; empty while it is not there.'),
    ...attemptFields,
    conditions: conditionsField,
  },
} as const satisfies Schema;

export const zoneKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Zone',
  plural: 'zones',
  singular: 'zone',
  shortNames: ['wzone'],
  categories: ['hosting'],
  scope: 'Namespaced',
  description: 'A zone of the DNS, answered by our name servers. Its records are DNSRecords.',
  spec: specField,
  status: statusField,
  validations: [
    {
      rule: '!has(self.spec.catalog) || !self.spec.catalog || !self.spec.dnssec.enabled',
      message: 'a catalog is not signed: set dnssec.enabled to false',
      fieldPath: '.spec.catalog',
    },
    {
      rule: '!has(self.spec.catalog) || !self.spec.catalog || !has(self.spec.transfer) || !has(self.spec.transfer.catalogRef)',
      message: 'a catalog is in no other',
      fieldPath: '.spec.catalog',
    },
    {
      rule: 'self.metadata.name.size() <= 200',
      message: 'the name of a Zone has at most 200 characters',
      fieldPath: '.metadata.name',
    },
  ],
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether the zone is answered.',
    },
    { name: 'Zone', type: 'string', jsonPath: '.spec.name', description: 'Name of the zone.' },
    { name: 'Serial', type: 'integer', jsonPath: '.status.serial', description: 'Serial number.' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is or is not ready.',
    },
    { name: 'Host', type: 'string', jsonPath: '.status.host', description: 'Where it is answered.', priority: 1 },
    {
      name: 'Nameservers',
      type: 'string',
      jsonPath: '.status.nameservers',
      description: 'What the registrar has to have.',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
  selectableFields: SELECTABLE_PLACEMENT,
});

export type Zone = ResourceOf<typeof zoneKind>;
