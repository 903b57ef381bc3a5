import {
  bytesField,
  driftField,
  durationField,
  hostnameField,
  LENGTHS,
  objectReference,
  SELECTABLE_PLACEMENT,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { dnsField, phpField, proxyField, redirectField, staticField } from './domain-serve.ts';
import { domainStatusField } from './domain-status.ts';
import { tlsField } from './domain-tls.ts';

const networksField = {
  type: 'array',
  maxItems: 256,
  default: [],
  'x-kubernetes-list-type': 'set',
  items: {
    type: 'string',
    description: 'A network or an address, such as `192.0.2.0/24`.',
    maxLength: 64,
    pattern: PATTERNS.cidr,
  },
} as const;

const accessField = {
  type: 'object',
  description: 'Who may see the site.',
  properties: {
    allow: { ...networksField, description: 'When not empty, all other addresses are refused.' },
    deny: { ...networksField, description: 'Addresses that are refused; deny wins over allow.' },
    basicAuth: {
      type: 'object',
      description: 'Ask for a user name and a password.',
      required: ['secretRef'],
      properties: {
        realm: {
          type: 'string',
          description: 'What the browser shows when it asks.',
          maxLength: 64,
          pattern: PATTERNS.realm,
          default: 'Restricted',
        },
        secretRef: objectReference('A Secret of the same namespace; its key `auth` holds htpasswd lines.'),
      },
    },
  },
} as const satisfies Schema;

const headersField = {
  type: 'array',
  description: 'Headers that are added to every answer.',
  default: [],
  maxItems: 32,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {
    type: 'object',
    description: 'One header.',
    required: ['name', 'value'],
    properties: {
      name: { type: 'string', description: 'Its name.', minLength: 1, maxLength: 64, pattern: PATTERNS.headerName },
      value: {
        type: 'string',
        description: 'Its value: visible ASCII.',
        maxLength: 2048,
        pattern: PATTERNS.headerValue,
      },
    },
    'x-kubernetes-validations': [
      {
        rule: "!self.name.matches('(?i)^(connection|content-length|content-encoding|date|host|keep-alive|location|server|set-cookie|status|strict-transport-security|te|trailer|transfer-encoding|upgrade|www-authenticate|x-accel-.*)$')",
        message: 'this header is set by the server itself (for Strict-Transport-Security see tls.hsts)',
        fieldPath: '.name',
      },
    ],
  },
} as const satisfies Schema;

const errorPagesField = {
  type: 'array',
  description: 'Pages of your own for errors.',
  default: [],
  maxItems: 32,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['code'],
  items: {
    type: 'object',
    description: 'One page.',
    required: ['code', 'path'],
    properties: {
      code: { type: 'integer', description: 'The status, such as 404.', minimum: 400, maximum: 599 },
      path: {
        type: 'string',
        description: 'A file below the document root, such as `/404.html`.',
        maxLength: 200,
        pattern: PATTERNS.urlPath,
      },
    },
  },
} as const satisfies Schema;

const specField = {
  type: 'object',
  description: 'Names, what they serve, and for whom.',
  required: ['hostname'],
  properties: {
    hostname: hostnameField('Main name of the site: lower case, no dot at the end.'),
    aliases: {
      type: 'array',
      description: 'Further names that serve the same; `*.` and a name stands for all names one level below.',
      default: [],
      maxItems: 64,
      'x-kubernetes-list-type': 'set',
      items: {
        type: 'string',
        description: 'A further name.',
        maxLength: LENGTHS.wildcard,
        pattern: PATTERNS.hostnameOrWildcard,
      },
    },
    www: {
      type: 'string',
      description:
        'What `www.` and the hostname does: Redirect to the hostname, Serve the same, or None: it is not ours.',
      enum: ['Redirect', 'Serve', 'None'],
      default: 'None',
    },
    static: staticField,
    php: phpField,
    proxy: proxyField,
    redirect: redirectField,
    tls: tlsField,
    dns: dnsField,
    headers: headersField,
    access: accessField,
    errorPages: errorPagesField,
    cache: {
      type: 'object',
      description: 'How long browsers may keep static files without asking again.',
      default: {},
      properties: {
        maxAge: {
          ...durationField('How long; 0s: ask every time, which costs little when nothing changed.'),
          default: '0s',
        },
      },
    },
    compression: {
      type: 'string',
      description: 'Whether text is compressed on its way.',
      enum: ['Gzip', 'None'],
      default: 'Gzip',
    },
    limits: {
      type: 'object',
      description: 'Limits of one request.',
      default: {},
      properties: {
        upload: { ...bytesField('Largest request body.'), default: '64Mi' },
        timeout: { ...durationField('How long an answer may take, up to 1h.'), default: '60s' },
      },
    },
    drift: driftField,
    suspended: { type: 'boolean', description: 'Answer with a notice; nothing is removed.', default: false },
    deletionPolicy: {
      type: 'string',
      description:
        'What becomes of the files when the Domain is deleted: Retain keeps them (RetainedData), Delete removes them.',
      enum: ['Retain', 'Delete'],
      default: 'Retain',
    },
    retainFor: durationField('How long retained files are kept, such as `720h`; without end when absent.'),
  },
  'x-kubernetes-validations': [
    {
      rule: '[has(self.static), has(self.php), has(self.proxy), has(self.redirect)].filter(set, set).size() <= 1',
      message: 'at most one of static, php, proxy and redirect may be set',
    },
    {
      rule: '!(self.hostname in self.aliases)',
      message: 'the hostname is not an alias of itself',
      fieldPath: '.aliases',
    },
    {
      rule: "self.www == 'None' || !self.hostname.startsWith('www.')",
      message: 'www must be None when the hostname itself begins with www.',
      fieldPath: '.www',
    },
    {
      rule: "self.www == 'None' || self.hostname.size() <= 249",
      message: 'the hostname is too long to put www. before it',
      fieldPath: '.www',
    },
    {
      rule: "!has(self.retainFor) || self.deletionPolicy == 'Retain'",
      message: 'retainFor needs deletionPolicy: Retain',
      fieldPath: '.retainFor',
    },
  ],
} as const satisfies Schema;

export const domainKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Domain',
  plural: 'domains',
  singular: 'domain',
  shortNames: ['dom'],
  categories: ['hosting'],
  scope: 'Namespaced',
  description: 'A site: its names and what answers under them (files, PHP, a program, or a redirect).',
  spec: specField,
  status: domainStatusField,
  validations: [
    {
      rule: 'self.metadata.name.size() <= 63',
      message: 'the name of a Domain has at most 63 characters',
      fieldPath: '.metadata.name',
    },
  ],
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether visitors get the site.',
    },
    { name: 'Hostname', type: 'string', jsonPath: '.spec.hostname', description: 'Main name of the site.' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is or is not ready.',
    },
    { name: 'Host', type: 'string', jsonPath: '.status.host', description: 'Where it is served.', priority: 1 },
    {
      name: 'Preview',
      type: 'string',
      jsonPath: '.status.previewHostname',
      description: 'Where it is served before its names are shown to be the tenant’s.',
      priority: 1,
    },
    { name: 'PHP', type: 'string', jsonPath: '.status.phpVersion', description: 'PHP version in use.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
  selectableFields: SELECTABLE_PLACEMENT,
});

export type Domain = ResourceOf<typeof domainKind>;
