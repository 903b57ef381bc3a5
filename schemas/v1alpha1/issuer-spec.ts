import {
  attemptFields,
  durationField,
  conditionsField,
  LENGTHS,
  objectReference,
  observedGenerationField,
  textField,
} from '#schemas/meta/fragments.ts';
import type { Column } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** What Issuer and ClusterIssuer share. Names of fields are those of cert-manager where it has the same thing. */

const namesField = {
  type: 'array',
  maxItems: 64,
  default: [],
  'x-kubernetes-list-type': 'set',
  items: {
    type: 'string',
    description: 'A hostname, or `*.` and a hostname.',
    maxLength: LENGTHS.wildcard,
    pattern: PATTERNS.hostnameOrWildcard,
  },
} as const satisfies Schema;

const addressesField = {
  type: 'string',
  description:
    'Check: a name has to lead to a public address of the host before the CA is asked. Ignore: for names behind a proxy or content delivery network.',
  enum: ['Check', 'Ignore'],
  default: 'Check',
} as const satisfies Schema;

const solverField = {
  type: 'object',
  description: 'One way to show a CA that a name is ours, and the names that it is for.',
  properties: {
    selector: {
      type: 'object',
      description:
        'Names that this way is for: all that it can show when absent. What is named exactly wins over a zone.',
      properties: {
        dnsNames: { ...namesField, description: 'Exactly these names.' },
        dnsZones: { ...namesField, description: 'These names and all below them.' },
        wildcards: { type: 'boolean', description: 'Only names that begin with `*.`.', default: false },
      },
    },
    http01: {
      type: 'object',
      description: 'The web front of the tenant’s host answers on a reserved path. Not for wildcards.',
      properties: { addresses: addressesField },
    },
    tlsAlpn01: {
      type: 'object',
      description:
        'A handshake with the web front of the tenant’s host shows it, at port 443: where nobody may come by plain HTTP. Not for wildcards.',
      properties: { addresses: addressesField },
    },
    dns01: {
      type: 'object',
      description: 'A TXT record in a Zone of the tenant; the only way for wildcards.',
      properties: {},
    },
  },
  'x-kubernetes-validations': [
    {
      rule: '[has(self.http01), has(self.dns01), has(self.tlsAlpn01)].filter(set, set).size() == 1',
      message: 'exactly one of http01, dns01 and tlsAlpn01',
    },
    ...(['http01', 'tlsAlpn01'] as const).map((solver) => ({
      rule: `!has(self.${solver}) || !has(self.selector) || !self.selector.wildcards`,
      message: `${solver} cannot show wildcards: use dns01`,
      fieldPath: `.${solver}`,
    })),
  ],
} as const satisfies Schema;

function limitField<const D extends string>(description: D, count: number, period: string) {
  return {
    type: 'object',
    description,
    default: {},
    properties: {
      count: {
        type: 'integer',
        description: 'How many.',
        format: 'int32',
        minimum: 1,
        maximum: 1_000_000,
        default: count,
      },
      period: { ...durationField('In how long, such as `3h`.'), default: period },
    },
  } as const satisfies Schema;
}

const acmeField = {
  type: 'object',
  description: 'A CA that speaks ACME (RFC 8555), such as Let’s Encrypt.',
  required: ['server', 'privateKeySecretRef'],
  properties: {
    server: {
      type: 'string',
      description: 'URL of its directory.',
      maxLength: 512,
      pattern: PATTERNS.httpsUrl,
    },
    email: {
      type: 'string',
      description: 'Where the CA sends warnings.',
      maxLength: 254,
      pattern: PATTERNS.emailAddress,
    },
    privateKeySecretRef: objectReference(
      'A Secret for the key of the account (key `tls.key`); it is made when it is not there.',
    ),
    externalAccountBinding: {
      type: 'object',
      description: 'Names an account that was opened elsewhere, where the CA asks for one.',
      required: ['keyID', 'keySecretRef'],
      properties: {
        keyID: { type: 'string', description: 'Its id.', minLength: 1, maxLength: 512, pattern: PATTERNS.accountId },
        keySecretRef: objectReference('A Secret whose key `key` holds its MAC key, in base64url as CAs give it.'),
      },
    },
    caBundle: {
      type: 'string',
      description:
        'PEM of the authorities behind the directory’s own certificate, in base64; the machine’s when absent.',
      maxLength: 32_768,
      pattern: PATTERNS.base64,
    },
    preferredChain: {
      type: 'string',
      description: 'Common name of the root that is preferred, where the CA offers several chains.',
      maxLength: 64,
      pattern: PATTERNS.commonName,
    },
    profile: {
      type: 'string',
      description: 'The kind of certificate that is asked for, of those that the CA offers, such as `shortlived`.',
      maxLength: 64,
      pattern: PATTERNS.kindOfCertificate,
    },
    limits: {
      type: 'object',
      description:
        'As many orders are made, and no more, so that the CA has to refuse none. The defaults are what Let’s Encrypt allows.',
      default: {},
      properties: {
        orders: limitField('Of the account, whatever they are for.', 300, '3h'),
        ordersPerDomain: limitField(
          'For new names below one registered domain; a renewal counts only where the same certificate was ordered within a day.',
          50,
          '168h',
        ),
      },
    },
    solvers: {
      type: 'array',
      description: 'How names are shown to be ours.',
      default: [{ http01: {} }, { dns01: {}, selector: { wildcards: true } }],
      minItems: 1,
      maxItems: 32,
      items: solverField,
    },
  },
} as const satisfies Schema;

export const issuerFields = {
  acme: acmeField,
  ca: {
    type: 'object',
    description: 'A CA of your own.',
    required: ['secretRef'],
    properties: {
      secretRef: objectReference('A Secret with its certificate and key: `tls.crt`, `tls.key`.'),
    },
  },
  selfSigned: {
    type: 'object',
    description: 'No CA: each certificate is signed with its own key. Browsers warn of it.',
    properties: {},
  },
} as const satisfies Readonly<Record<string, Schema>>;

export const issuerRules = [
  {
    rule: '[has(self.spec.acme), has(self.spec.ca), has(self.spec.selfSigned)].filter(set, set).size() == 1',
    message: 'exactly one of acme, ca and selfSigned',
    fieldPath: '.spec',
  },
] as const;

export const issuerStatus = {
  type: 'object',
  description: 'Whether certificates can be had from it.',
  properties: {
    observedGeneration: observedGenerationField,
    acme: {
      type: 'object',
      description: 'The account at the CA.',
      properties: {
        uri: textField('URL of the account.'),
        caaIdentities: {
          type: 'array',
          description: 'Names by which CAA records mean the CA.',
          maxItems: 16,
          items: { type: 'string', description: 'A name.', maxLength: LENGTHS.hostname },
        },
        server: textField('The directory that it is known to.'),
        email: textField('The address that the CA knows.'),
        lastPrivateKeyHash: textField('SHA-256 of the public part of the key by which the CA knows it, hexadecimal.'),
      },
    },
    ...attemptFields,
    conditions: conditionsField,
  },
} as const satisfies Schema;

export const issuerColumns: readonly Column[] = [
  {
    name: 'Ready',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    description: 'Whether certificates can be had from it.',
  },
  {
    name: 'Status',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].message',
    description: 'The same as a sentence.',
  },
  { name: 'Server', type: 'string', jsonPath: '.spec.acme.server', description: 'Directory of the CA.', priority: 1 },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
];
