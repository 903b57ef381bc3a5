import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import {
  databaseServerKind,
  databaseUserKind,
  domainKind,
  hostKind,
  retainedDataKind,
  tenantKind,
  zoneKind,
} from '#schemas/index.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import type { admit } from '#test/builders/admit.ts';
import type { domainRecords } from '#test/builders/domain-records.ts';
import { withValue } from '#test/builders/schema-walk.ts';
import type { Attack } from './attack.ts';

/** Values that break out of something somewhere. */
export const hostileTexts: readonly string[] = [
  'a\nb',
  'a\r\nSet-Cookie: x=1',
  'a;b',
  'a{b}',
  '"',
  "'",
  '`id`',
  '$(id)',
  '${x}',
  '..',
  '../../etc/passwd',
  'a..b',
  '~.*',
  'a\u0000b',
  'a\u2028b',
  '\u202Eb',
  '\\',
  'x'.repeat(65_536),
  '#',
  '%0a',
  '-rf',
  ' ',
  '',
  'é',
];

const examples = new URL('../../examples/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, examples), 'utf8');

/** A manifest in which the field at `path` may stand: of the four ways to serve only the one in question. */
export function manifestWith(kind: string, path: string, value: unknown): object {
  return withValue(baseFor(kind, path), path, value) as object;
}

/** With what stands beside a field, so that nothing but its value can be wrong. */
const tenantWithLists = {
  apiVersion: apiVersionOf(tenantKind),
  kind: tenantKind.kind,
  metadata: { name: 'acme' },
  spec: {
    owners: [{ kind: 'User', name: 'jane@acme.example' }],
    placement: { hostSelector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['gold'] }] } },
    suspensions: [{ by: 'invoices', reason: 'Billing' }],
  },
};

const issuerWithAll = (kind: string): object => ({
  apiVersion: apiVersionOf(tenantKind),
  kind,
  metadata: { name: 'acme', namespace: 'acme' },
  spec: {
    acme: {
      server: 'https://acme.example/directory',
      privateKeySecretRef: { name: 'account' },
      externalAccountBinding: { keyID: 'id', keySecretRef: { name: 'binding' } },
      solvers: [{ http01: {}, selector: { dnsNames: ['acme.example'], dnsZones: ['acme.example'] } }],
    },
  },
});

const zoneAt = (provider: string): object => ({
  apiVersion: apiVersionOf(zoneKind),
  kind: zoneKind.kind,
  metadata: { name: 'acme', namespace: 'acme' },
  spec: { name: 'acme.example', provider: { [provider]: { secretRef: { name: 'token' } } } },
});

const databaseUserWithPassword = {
  apiVersion: apiVersionOf(databaseUserKind),
  kind: databaseUserKind.kind,
  metadata: { name: 'shop', namespace: 'acme' },
  spec: { databases: [{ name: 'shop' }], secretName: 'shop-db', passwordSecretRef: { name: 'shop-password' } },
};

const serverWithLists = {
  apiVersion: apiVersionOf(databaseServerKind),
  kind: databaseServerKind.kind,
  metadata: { name: 'main' },
  spec: {
    engine: 'PostgreSQL',
    external: { address: 'db.internal:5432', adminSecretRef: { name: 'db-admin' } },
    adoptable: [{ namespace: 'acme', databaseName: 'legacy' }],
  },
};

const serverWithNetwork = {
  ...serverWithLists,
  spec: {
    engine: 'PostgreSQL',
    managed: { network: { addresses: ['192.0.2.1'], tls: { secretRef: { name: 'tls' } } } },
  },
};

/** With a name of the platform's own. */
const hostWithPanel = (): object => {
  const host = parse(read('host.yaml')) as { readonly spec: object };
  return {
    ...host,
    spec: { ...host.spec, panel: { hostname: 'panel.acme.example', tls: { secretRef: { name: 'tls' } } } },
  };
};

const retainedDatabase = {
  apiVersion: apiVersionOf(retainedDataKind),
  kind: retainedDataKind.kind,
  metadata: { name: 'database.acme.shop.u1.web1' },
  spec: {
    objectRef: { kind: 'Database', namespace: 'acme', name: 'shop' },
    tenantRef: { name: 'acme' },
    host: 'web1',
    database: { engine: 'MariaDB', databaseName: 'd_0123456789abcdef0123' },
  },
};

function baseFor(kind: string, path: string): unknown {
  if (kind === tenantKind.kind) return tenantWithLists;
  if (kind.endsWith('Issuer')) return issuerWithAll(kind);
  if (kind === databaseUserKind.kind) return databaseUserWithPassword;
  if (kind === databaseServerKind.kind) return path.startsWith('spec.managed.') ? serverWithNetwork : serverWithLists;
  if (kind === hostKind.kind) return hostWithPanel();
  if (kind === retainedDataKind.kind && path.startsWith('spec.database.')) return retainedDatabase;
  const words = kind.replaceAll(/(?<=[a-z])([A-Z])|(?<=[A-Z])([A-Z])(?=[a-z])/g, '-$1$2').toLowerCase();
  const provider = kind === zoneKind.kind ? /^spec\.provider\.(\w+)/.exec(path)?.[1] : undefined;
  if (provider !== undefined) return zoneAt(provider);
  if (kind !== domainKind.kind) return parse(read(`${words}.yaml`));
  const [document] = parseAllDocuments(read('scenarios/shop.yaml'));
  const shop = document?.toJS() as { spec: Record<string, unknown> };
  const way = /^spec\.(static|php|proxy|redirect)/.exec(path)?.[1] ?? 'php';
  const { php, ...rest } = shop.spec;
  const ways: Readonly<Record<string, unknown>> = {
    static: {},
    php,
    proxy: {},
    redirect: { to: 'https://acme.example' },
  };
  const tls = { issuerRef: { name: 'letsencrypt' } };
  return { ...shop, spec: { ...rest, tls, [way]: ways[way] } };
}

/** Fields of a Domain in which hostile text is the owner's own data, each with where in the records of its host it comes out. */
export const placesOfTexts: Readonly<Record<string, RegExp>> = {
  'spec.php.env[].value': /^\.pools\.acme\.shop\.environment\./,
  'spec.php.settings[].value': /\.(serve\.phpValues|settings)\./,
  'spec.headers[].value': /\.headers\./,
  'spec.access.basicAuth.realm': /\.access\.basicAuth\.realm$/,
};

/** The schema and the controllers that a manifest passes. */
export interface TextGround {
  readonly admit: typeof admit;
  readonly domainRecords: typeof domainRecords;
}

/** Whoever finds a value elsewhere than in its own place could name a file, a socket or an owner with it. */
export const textAttacks: readonly Attack<TextGround>[] = Object.entries(placesOfTexts).map(([path, place]) => ({
  name: `a text is more than data: ${path}`,
  against: ['texts of a tenant stay in their own place'],
  run: async ({ admit: admitted, domainRecords: records }) => {
    for (const value of hostileTexts.filter((text) => text.length > 1)) {
      const { object, faults } = admitted(domainKind, manifestWith(domainKind.kind, path, value));
      if (faults.length > 0) continue;
      const astray = [...records(object)].find(([where, text]) => text.includes(value) && !place.test(where));
      if (astray !== undefined) return astray.join(' ');
    }
    return undefined;
  },
}));
