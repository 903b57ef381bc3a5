import {
  conditionsField,
  objectReference,
  observedGenerationField,
  placementFields,
  SELECTABLE_PLACEMENT,
  timeToLiveField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS, RECORD_FORMATS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { recordNameField, RECORD_RULES, recordTypeField } from './record-fields.ts';

/** How values look, in words, by type. */
const EXAMPLES: Readonly<Record<keyof typeof RECORD_FORMATS, string>> = {
  A: 'an IPv4 address',
  AAAA: 'an IPv6 address in lower case',
  ALIAS: 'a whole name, such as `www.acme.example`',
  CAA: 'flags, a property and its value, such as `0 issue "letsencrypt.org"`',
  CNAME: 'a whole name, such as `www.acme.example`',
  DS: 'key tag, algorithm, digest type and digest, such as `12345 13 2 5f78…`',
  HTTPS: 'priority, target and parameters, such as `1 . alpn=h2,h3`',
  MX: 'preference and a whole name, such as `10 mail.acme.example`',
  NAPTR:
    'order, preference, flags, service, expression and a name, such as `100 10 "S" "SIP+D2U" "" _sip._udp.acme.example`',
  NS: 'a whole name, such as `ns1.acme.example`',
  PTR: 'a whole name, such as `www.acme.example`',
  SRV: 'priority, weight, port and a whole name, such as `0 5 443 www.acme.example`',
  SSHFP: 'algorithm, type and fingerprint, such as `4 2 5f78…`',
  SVCB: 'priority, target and parameters, such as `1 www.acme.example alpn=h2`',
  TLSA: 'usage, selector, matching type and data, such as `3 1 1 5f78…`',
};

const formatRules = Object.entries(RECORD_FORMATS).map(([type, pattern]) => ({
  rule: `self.type != '${type}' || self.values.all(value, value.matches(r'${pattern}'))`,
  message: `each value of ${type} is ${EXAMPLES[type as keyof typeof EXAMPLES]}`,
  fieldPath: '.values',
}));

const specField = {
  type: 'object',
  description: 'One set of records: a name, a type and its values.',
  required: ['zoneRef', 'name', 'type', 'values'],
  properties: {
    zoneRef: objectReference('The Zone that the record is in.'),
    name: recordNameField,
    type: recordTypeField,
    ttl: timeToLiveField('How long others may remember the answer; the zone’s when absent.'),
    values: {
      type: 'array',
      description:
        'The values, as in a zone file but without quoting text: TXT is taken as it stands, of any length. Several objects may give values to the same TXT record.',
      minItems: 1,
      maxItems: 32,
      'x-kubernetes-list-type': 'set',
      items: { type: 'string', description: 'One value.', maxLength: 4096, pattern: PATTERNS.recordText },
    },
  },
  'x-kubernetes-validations': [...formatRules, RECORD_RULES.single, RECORD_RULES.apex],
} as const satisfies Schema;

export const dnsRecordKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'DNSRecord',
  plural: 'dnsrecords',
  singular: 'dnsrecord',
  shortNames: ['wrec'],
  categories: ['hosting'],
  scope: 'Namespaced',
  description:
    'Records of one name and type in a Zone. One that people declare counts for more than one that follows from another object.',
  spec: specField,
  status: {
    type: 'object',
    description: 'Whether it is answered, and why not.',
    properties: { observedGeneration: observedGenerationField, ...placementFields, conditions: conditionsField },
  },
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether it is answered.',
    },
    { name: 'Zone', type: 'string', jsonPath: '.spec.zoneRef.name', description: 'The Zone that it is in.' },
    { name: 'Name', type: 'string', jsonPath: '.spec.name', description: 'Name within the zone.' },
    { name: 'Type', type: 'string', jsonPath: '.spec.type', description: 'What kind of record it is.' },
    { name: 'Values', type: 'string', jsonPath: '.spec.values', description: 'Its values.' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is or is not answered.',
    },
    {
      name: 'Owner',
      type: 'string',
      jsonPath: '.metadata.annotations.hosting\\.wcp360\\.io/owner',
      description: 'The object that it follows from; empty when people declared it.',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
  selectableFields: SELECTABLE_PLACEMENT,
});

export type DNSRecord = ResourceOf<typeof dnsRecordKind>;
