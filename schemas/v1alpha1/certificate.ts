import {
  attemptFields,
  conditionsField,
  durationField,
  issuerReference,
  lastHandledRequestField,
  LENGTHS,
  nameField,
  observedGenerationField,
  textField,
  timeField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const dnsNames = {
  type: 'array',
  maxItems: 100,
  'x-kubernetes-list-type': 'set',
  items: {
    type: 'string',
    description: 'A hostname, or `*.` and a hostname.',
    maxLength: LENGTHS.wildcard,
    pattern: PATTERNS.hostnameOrWildcard,
  },
} as const satisfies Schema;

const specField = {
  type: 'object',
  description: 'What the certificate is for and where it comes from. Names of fields are those of cert-manager.',
  required: ['dnsNames', 'secretName', 'issuerRef'],
  properties: {
    dnsNames: { ...dnsNames, description: 'Names that it is for.', minItems: 1 },
    secretName: nameField('The Secret (type kubernetes.io/tls) that it is put into, with its key.'),
    issuerRef: issuerReference,
    privateKey: {
      type: 'object',
      description: 'The key.',
      default: {},
      properties: {
        algorithm: { type: 'string', description: 'Its kind.', enum: ['ECDSA', 'RSA'], default: 'ECDSA' },
        size: {
          type: 'integer',
          description: 'In bits: 256 or 384 for ECDSA, 2048 to 4096 for RSA; 256 or 2048 when absent.',
          enum: [256, 384, 2048, 3072, 4096],
        },
        rotationPolicy: {
          type: 'string',
          description: 'Always: each certificate has a new key. Never: the key stays, for who has pinned it.',
          enum: ['Always', 'Never'],
          default: 'Always',
        },
      },
      'x-kubernetes-validations': [
        {
          rule: "!has(self.size) || (self.size < 2048) == (self.algorithm == 'ECDSA')",
          message: '256 and 384 are sizes of ECDSA, 2048, 3072 and 4096 of RSA',
          fieldPath: '.size',
        },
      ],
    },
    duration: durationField('For how long it is asked for, where the issuer lets one choose.'),
    renewBefore: durationField(
      'How long before its end it is renewed. When absent, when the CA says (ARI), or after two thirds of its life.',
    ),
    reducedCoverage: {
      type: 'string',
      description:
        'When some of the names cannot be had: Refuse keeps what there is, Allow takes a certificate for the others, though none in place of a good one for more names before that nears its end. The names that it lacks are tried again.',
      enum: ['Refuse', 'Allow'],
      default: 'Refuse',
    },
  },
} as const satisfies Schema;

const issuanceField = {
  type: 'object',
  description: 'The certificate that is on its way. Each step is noted here before it is taken.',
  properties: {
    id: textField('Tells this attempt from others.'),
    startedAt: timeField('When it began.'),
    reason: textField('Why there has to be one.'),
    generation: { type: 'integer', description: 'Of the spec that it is for.', format: 'int64', minimum: 0 },
    dnsNames: { ...dnsNames, description: 'Names that are asked for.' },
    keySecretName: nameField('The Secret that holds its key until it is there.'),
    orderIntendedAt: timeField('When the CA was about to be asked.'),
    orderURL: textField('The order, once the CA has answered.'),
    refusedUntil: timeField('Until when the CA wants not to be asked again, after there were too many orders for it.'),
    step: textField('What is being waited for.'),
  },
} as const satisfies Schema;

const failedNameField = {
  type: 'object',
  description: 'One name.',
  required: ['dnsName', 'message'],
  properties: {
    dnsName: { type: 'string', description: 'The name.', maxLength: LENGTHS.wildcard + 2 },
    message: textField('What the CA said of it, or why it was not asked.'),
  },
} as const satisfies Schema;

const consumerField = {
  type: 'object',
  description: 'One Domain.',
  required: ['domain'],
  properties: {
    domain: nameField('Its name.'),
    serialNumber: textField(
      'Serial number, in hexadecimal, of the certificate that a handshake showed last; absent while there was none.',
    ),
  },
} as const satisfies Schema;

export const certificateKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Certificate',
  plural: 'certificates',
  singular: 'certificate',
  shortNames: ['wcert'],
  categories: ['hosting'],
  scope: 'Namespaced',
  description: 'A certificate that is got, put into a Secret, and renewed for ever. A Domain makes its own.',
  spec: specField,
  status: {
    type: 'object',
    description: 'The certificate that there is, and the one that is on its way.',
    properties: {
      observedGeneration: observedGenerationField,
      lastHandledRequestAt: lastHandledRequestField,
      dnsNames: { ...dnsNames, description: 'Names that the certificate in the Secret is for.' },
      serialNumber: textField('Its serial number, in hexadecimal.'),
      notBefore: timeField('When it begins to be valid.'),
      notAfter: timeField('When it ends.'),
      renewalTime: timeField('When it is renewed.'),
      renewalCheckTime: timeField('When the CA is asked again whether it is to be renewed earlier.'),
      renewedFor: textField('The last value of the annotation `hosting.wcp360.io/renew` that led to a new one.'),
      revoked: {
        type: 'object',
        description: 'The last one that was revoked because somebody asked for it.',
        required: ['serialNumber', 'time'],
        properties: {
          serialNumber: textField('Its serial number, in hexadecimal.'),
          time: timeField('When the CA was told.'),
          problem: textField('Why it was only replaced; absent when the CA has revoked it.'),
        },
      },
      issuedFor: textField('What it was got for: a mark of the spec.'),
      publicKeyDigest: textField('SHA-256 of its public key, hexadecimal, as in a TLSA record `3 1 1`.'),
      secretVersion: textField('The resourceVersion of the Secret that was looked at.'),
      consumers: {
        type: 'array',
        description: 'Domains that are served with it on a host that speaks TLS, and what each of them shows.',
        maxItems: 200,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['domain'],
        items: consumerField,
      },
      issuance: issuanceField,
      lastOrderAt: timeField('When the CA was asked last.'),
      failedIssuanceAttempts: attemptFields.attempts,
      lastFailureTime: timeField('When the last attempt failed.'),
      nextTryAt: attemptFields.nextTryAt,
      failedNames: {
        type: 'array',
        description: 'Names that stand in the way: the CA refused them at the last attempt, or would if it was asked.',
        maxItems: 100,
        'x-kubernetes-list-type': 'atomic',
        items: failedNameField,
      },
      conditions: conditionsField,
    },
  },
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether there is a good certificate for all names, and every Domain that uses it shows it.',
    },
    { name: 'Names', type: 'string', jsonPath: '.spec.dnsNames', description: 'Names that it is for.' },
    { name: 'Expires', type: 'string', jsonPath: '.status.notAfter', description: 'When it ends.' },
    { name: 'Issuer', type: 'string', jsonPath: '.spec.issuerRef.name', description: 'Where it comes from.' },
    { name: 'Secret', type: 'string', jsonPath: '.spec.secretName', description: 'Where it is put.', priority: 1 },
    {
      name: 'Status',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      description: 'The state as a sentence.',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
});

export type Certificate = ResourceOf<typeof certificateKind>;
