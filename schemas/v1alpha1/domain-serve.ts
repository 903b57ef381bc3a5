import { objectReference } from '#schemas/meta/fragments.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { phpVersionField } from './limits.ts';

/** The four ways in which a Domain answers: static files, PHP, a program behind a proxy, a redirect. */

const rootField = {
  type: 'string',
  description: 'Document root below the domain’s own directory.',
  maxLength: 200,
  pattern: PATTERNS.relativePath,
  default: 'public',
} as const satisfies Schema;

export const staticField = {
  type: 'object',
  description: 'Serve files as they are. Taken when nothing else is named.',
  properties: {
    root: rootField,
    preset: {
      type: 'string',
      description:
        'None answers 404 for what is no file; Spa answers with index.html, for applications that route in the browser.',
      enum: ['None', 'Spa'],
      default: 'None',
    },
  },
} as const satisfies Schema;

/** php.ini settings that a tenant may set: none opens files, runs programs, or lifts a limit of the package. */
export const PHP_SETTINGS = [
  'date.timezone',
  'default_charset',
  'display_errors',
  'error_reporting',
  'html_errors',
  'ignore_user_abort',
  'log_errors',
  'max_execution_time',
  'max_input_time',
  'max_input_vars',
  'memory_limit',
  'opcache.revalidate_freq',
  'opcache.validate_timestamps',
  'output_buffering',
  'precision',
  'serialize_precision',
  'session.cookie_httponly',
  'session.cookie_lifetime',
  'session.cookie_samesite',
  'session.cookie_secure',
  'session.gc_maxlifetime',
  'session.name',
  'session.use_strict_mode',
  'short_open_tag',
  'zlib.output_compression',
] as const;

const environmentFields = {
  env: {
    type: 'array',
    description: 'Environment variables of the site.',
    default: [],
    maxItems: 64,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: {
      type: 'object',
      description: 'One variable.',
      required: ['name', 'value'],
      properties: {
        name: { type: 'string', description: 'Its name.', maxLength: 128, pattern: PATTERNS.envName },
        value: {
          type: 'string',
          description: 'Its value. Passwords belong into a Secret, see envFrom.',
          maxLength: 8192,
          pattern: PATTERNS.envValue,
        },
      },
      'x-kubernetes-validations': [
        {
          rule: "!self.name.startsWith('WCP_') && !self.name.startsWith('WCP360_')",
          message: 'names that begin with WCP_ or WCP360_ are ours',
          fieldPath: '.name',
        },
      ],
    },
  },
  envFrom: {
    type: 'array',
    description:
      'Secrets whose keys become environment variables, those that can be names of variables; env wins over them, later ones over earlier ones.',
    default: [],
    maxItems: 16,
    items: {
      type: 'object',
      description: 'One source of variables.',
      required: ['secretRef'],
      properties: {
        prefix: {
          type: 'string',
          description: 'Put before each key: with `DB_` the key `host` becomes DB_host.',
          maxLength: 64,
          pattern: PATTERNS.envName,
        },
        secretRef: objectReference('A Secret of the same namespace.'),
      },
    },
  },
} as const satisfies Readonly<Record<string, Schema>>;

export const phpField = {
  type: 'object',
  description: 'Run PHP files; other files are served as they are.',
  properties: {
    version: { ...phpVersionField, description: 'PHP version, such as `8.2`. The first of the package when absent.' },
    root: rootField,
    preset: {
      type: 'string',
      description: 'What happens with paths that are no file, and which files are never served. None answers 404.',
      enum: ['None', 'WordPress', 'Laravel', 'Drupal'],
      default: 'None',
    },
    ...environmentFields,
    settings: {
      type: 'array',
      description: 'php.ini settings, from those that a site may set. Upload sizes and times follow from limits.',
      default: [],
      maxItems: 32,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        description: 'One setting.',
        required: ['name', 'value'],
        properties: {
          name: { type: 'string', description: 'Its name in php.ini.', enum: PHP_SETTINGS },
          value: { type: 'string', description: 'Its value.', maxLength: 128, pattern: PATTERNS.phpValue },
        },
      },
    },
  },
} as const satisfies Schema;

export const proxyField = {
  type: 'object',
  description: 'Pass requests on to a program, WebSockets too.',
  properties: {
    socket: {
      type: 'string',
      description: 'A unix socket below the domain’s own directory, such as `run/app.sock`.',
      maxLength: 80,
      pattern: PATTERNS.relativePath,
    },
    url: {
      type: 'string',
      description: 'Scheme, host and port, such as `http://127.0.0.1:3000`. The package must allow the address.',
      maxLength: 270,
      pattern: PATTERNS.upstreamUrl,
    },
  },
  'x-kubernetes-validations': [
    { rule: 'has(self.socket) != has(self.url)', message: 'exactly one of socket and url must be set' },
  ],
} as const satisfies Schema;

export const redirectField = {
  type: 'object',
  description: 'Send visitors elsewhere.',
  required: ['to'],
  properties: {
    to: {
      type: 'string',
      description: 'Where to: a whole URL, or `//` and a hostname to keep scheme and port.',
      maxLength: 1024,
      pattern: PATTERNS.httpUrl,
    },
    code: {
      type: 'integer',
      description: '301 and 308 for good, 302 and 307 for now; 307 and 308 keep the method.',
      enum: [301, 302, 307, 308],
      default: 301,
    },
    keepPath: { type: 'boolean', description: 'Append the path and query that were asked for.', default: true },
  },
} as const satisfies Schema;

export const dnsField = {
  type: 'object',
  description: 'What the site has in the DNS.',
  default: {},
  properties: {
    mode: {
      type: 'string',
      description:
        'Auto: where the host has a name server and public addresses, DNSRecords point the names there, and a Zone is made when the tenant has none for them. None: somebody else does that.',
      enum: ['Auto', 'None'],
      default: 'Auto',
    },
    caa: {
      type: 'string',
      description:
        'For which names CAA records say that only the CA of the Domain’s issuer may certify them. They hold for all names below that have none, wherever those lead: so by default not at the Zone’s own name.',
      enum: ['None', 'BelowApex', 'All'],
      default: 'BelowApex',
    },
    tlsa: {
      type: 'string',
      description:
        'Key: TLSA records pin the key of the certificate that the Domain makes, in Zones that are signed; that key stays when the certificate is renewed.',
      enum: ['None', 'Key'],
      default: 'None',
    },
  },
} as const satisfies Schema;
