import t from 'tap';
import { readdirSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { admit } from '#test/builders/admit.ts';
import { merge } from '#test/builders/merge.ts';
import type { Part } from '#test/builders/objects.ts';
import { domainKind, hostnameClaimKind, kinds, retainedDataKind, tenantKind, uidClaimKind } from '#schemas/index.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

const root = new URL('../../', import.meta.url);
const objects = (directory: string): readonly { readonly file: string; readonly object: KubeObject }[] =>
  readdirSync(new URL(directory, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) =>
      parseAllDocuments(readFileSync(new URL(directory + name, root), 'utf8')).map((document) => ({
        file: directory + name,
        object: document.toJS() as KubeObject,
      })),
    );

void t.test('every example is valid and has no unknown field', async (t) => {
  const found = ['examples/', 'manifests/bootstrap/'].flatMap(objects);
  for (const { file, object } of found) {
    const kind = kinds.find((candidate) => candidate.kind === object.kind);
    if (kind === undefined) continue;
    const { faults, pruned } = admit(kind, object);
    t.same(faults, [], `${file} ${object.metadata.name}`);
    t.same(pruned, [], `${file} ${object.metadata.name}`);
  }
});

function faultsOf(kind: KindDefinition, base: Part, over: Part): readonly string[] {
  return admit(kind, merge(base, over) as object).faults.map(({ field, message }) => `${field}: ${message}`);
}

const site = {
  apiVersion: 'hosting.wcp360.io/v1alpha1',
  kind: 'Domain',
  metadata: { name: 'shop', namespace: 'acme' },
  spec: { hostname: 'shop.acme.example' },
};

void t.test('a Domain of five lines is a static site with the defaults of a good administrator', async (t) => {
  const { object, faults } = admit(domainKind, site);
  t.same(faults, []);
  t.match(object.spec, {
    aliases: [],
    www: 'None',
    limits: { upload: '64Mi', timeout: '60s' },
    cache: { maxAge: '0s' },
    compression: 'Gzip',
    drift: 'Enforce',
    suspended: false,
    deletionPolicy: 'Retain',
  });
});

void t.test('a Domain that contradicts itself is refused with a sentence', async (t) => {
  const cases: readonly (readonly [why: string, spec: Part, sentence: RegExp])[] = [
    ['two ways to serve', { static: {}, php: {} }, /at most one of static, php, proxy and redirect/],
    ['a proxy to nowhere', { proxy: {} }, /exactly one of socket and url/],
    [
      'a proxy to two places',
      { proxy: { socket: 'a.sock', url: 'http://127.0.0.1:3000' } },
      /exactly one of socket and url/,
    ],
    ['an alias of itself', { aliases: ['shop.acme.example'] }, /not an alias of itself/],
    ['www of www', { hostname: 'www.acme.example', www: 'Serve' }, /www must be None/],
    ['an end for what is not kept', { deletionPolicy: 'Delete', retainFor: '1h' }, /needs deletionPolicy/],
    ['a header of the server', { headers: [{ name: 'Transfer-Encoding', value: 'x' }] }, /set by the server itself/],
    ['a variable of ours', { php: { env: [{ name: 'WCP360_X', value: '' }] } }, /are ours/],
    [
      'a php.ini setting that opens files',
      { php: { settings: [{ name: 'auto_prepend_file', value: 'x' }] } },
      /supported values/,
    ],
  ];
  for (const [why, spec, sentence] of cases) {
    const faults = faultsOf(domainKind, site, { spec });
    t.ok(
      faults.some((fault) => sentence.test(fault)),
      `${why}: ${faults.join('; ')}`,
    );
  }
});

void t.test('hostnames are what the DNS and the claims allow', async (t) => {
  const good = [
    'a.b',
    'shop.acme.example',
    'xn--mnchen-3ya.example',
    'a-b.c-d.example',
    '1.example',
    `${'a'.repeat(63)}.example`,
    'hello.localhost',
    'x--y.example',
  ];
  const bad = [
    '',
    'localhost',
    'a..b',
    '.a.b',
    'a.b.',
    '-a.b',
    'a-.b',
    '*.a.b',
    '~.*',
    '127.0.0.1',
    'A.b',
    'a_b.c',
    'a b.c',
    'ab--c.example',
    'wc--any.example',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(127)}example`,
    'a.b\n',
    'a.b\u0000',
    'ä.example',
    '_',
    '[::1]',
  ];
  for (const hostname of good) t.same(faultsOf(domainKind, site, { spec: { hostname } }), [], hostname);
  for (const hostname of bad)
    t.not(faultsOf(domainKind, site, { spec: { hostname } }).length, 0, JSON.stringify(hostname));
  t.same(
    faultsOf(domainKind, site, { spec: { aliases: ['*.shop.acme.example', 'b.example'] } }),
    [],
    'wildcards are aliases',
  );
});

void t.test('paths stay below the domain’s directory', async (t) => {
  for (const path of ['../x', '/etc', 'a/../b', 'a//b', '.ssh', 'a/.git', 'a/', '', 'a\u0000', '-rf', 'a\nb']) {
    t.not(faultsOf(domainKind, site, { spec: { static: { root: path } } }).length, 0, JSON.stringify(path));
    t.not(faultsOf(domainKind, site, { spec: { proxy: { socket: path } } }).length, 0, JSON.stringify(path));
  }
  t.same(faultsOf(domainKind, site, { spec: { static: { root: 'web/public_html' } } }), []);
});

void t.test('targets and networks are addresses, not expressions', async (t) => {
  for (const url of ['http://127.0.0.1:3000', 'https://backend.internal', 'http://[::1]:8080']) {
    t.same(faultsOf(domainKind, site, { spec: { proxy: { url } } }), [], url);
  }
  for (const url of [
    'http://a@b',
    'http://a/b',
    'ftp://a',
    'http://$host',
    'http://a:99999',
    'unix:/run/x',
    'http://a;b',
    'http://0x7f.1 ',
  ]) {
    t.not(faultsOf(domainKind, site, { spec: { proxy: { url } } }).length, 0, url);
  }
  for (const cidr of ['192.0.2.0/24', '192.0.2.1', '2001:db8::/32', '::/0', '::1']) {
    t.same(faultsOf(domainKind, site, { spec: { access: { allow: [cidr] } } }), [], cidr);
  }
  for (const cidr of ['192.0.2.0/33', '256.0.0.1', '1.2.3', 'all', '::1/129', '1::2::3', '192.0.2.0/24;']) {
    t.not(faultsOf(domainKind, site, { spec: { access: { allow: [cidr] } } }).length, 0, cidr);
  }
  for (const to of ['https://acme.example', 'http://a.example:8080/x?y=1#z', '//hello.localhost']) {
    t.same(faultsOf(domainKind, site, { spec: { redirect: { to } } }), [], to);
  }
  for (const to of [
    'javascript:alert(1)',
    '/x',
    '//a',
    'https://a\r\nSet-Cookie: x',
    'https://a b',
    'https://"',
    '///x',
  ]) {
    t.not(faultsOf(domainKind, site, { spec: { redirect: { to } } }).length, 0, JSON.stringify(to));
  }
});

void t.test('a tenant has a name that accounts and namespaces can have, and that nobody else has', async (t) => {
  const named = (name: string): readonly string[] =>
    faultsOf(tenantKind, { kind: 'Tenant', metadata: { name }, spec: {} }, {});
  for (const name of ['acme', 'a', 'a1-b', 'a'.repeat(32)]) t.same(named(name), [], name);
  for (const name of ['kube-x', 'default', 'wcp360-system', 'root', 'www-data', '1a', 'a.b', 'a'.repeat(33), 'a-'])
    t.not(named(name).length, 0, name);
  const own = { kind: 'Tenant', metadata: { name: 'acme' }, spec: { parentRef: { name: 'acme' } } };
  t.match(faultsOf(tenantKind, own, {}).join(), /its own reseller/);
  const system = {
    kind: 'Tenant',
    metadata: { name: 'acme' },
    spec: { owners: [{ kind: 'Group', name: 'system:masters' }] },
  };
  t.match(faultsOf(tenantKind, system, {}).join(), /belong to Kubernetes/);
});

void t.test('a claim is named by what it claims and never passes on', async (t) => {
  const claim = (name: string, hostname: string, tenant: string): object => ({
    kind: 'HostnameClaim',
    metadata: { name },
    spec: { hostname, tenantRef: { name: tenant } },
  });
  t.same(admit(hostnameClaimKind, claim('a.example', 'a.example', 'acme')).faults, []);
  t.same(admit(hostnameClaimKind, claim('wc--any.a.example', '*.a.example', 'acme')).faults, []);
  t.match(admit(hostnameClaimKind, claim('b.example', 'a.example', 'acme')).faults[0]?.message ?? '', /named like it/);
  const bound = { status: { conditions: [{ type: 'Bound', status: 'True', reason: 'Bound', message: '' }] } };
  const mine = { ...claim('a.example', 'a.example', 'acme'), ...bound };
  const passed = admit(hostnameClaimKind, { ...claim('a.example', 'a.example', 'other'), ...bound }, mine);
  t.match(passed.faults.map(({ message }) => message).join(), /does not pass to another tenant/);
  const uid = (name: string): object => ({
    kind: 'UIDClaim',
    metadata: { name },
    spec: { tenantRef: { name: 'acme' } },
  });
  t.same(admit(uidClaimKind, uid('20000')).faults, []);
  t.not(admit(uidClaimKind, uid('60000')).faults.length, 0);
});

void t.test('what is kept is files or a database, and stays what it is', async (t) => {
  const kept = (where: object): object => ({
    kind: 'RetainedData',
    metadata: { name: 'database.acme.shop.u1.web1' },
    spec: {
      objectRef: { kind: 'Database', namespace: 'acme', name: 'shop' },
      tenantRef: { name: 'acme' },
      host: 'web1',
      ...where,
    },
  });
  const onServer = (databaseName: string): object => kept({ database: { engine: 'MariaDB', databaseName } });
  const said = (object: object, old?: object): string =>
    admit(retainedDataKind, object, old)
      .faults.map(({ message }) => message)
      .join();
  t.equal(said(onServer('d_one')), '');
  t.equal(said(kept({ path: 'kept/domain/acme/shop/u1', userId: 20_000 })), '');
  t.match(said(kept({})), /say what is kept/u);
  t.match(said(onServer('d_two'), onServer('d_one')), /which database is kept can not be changed/u);
  t.match(said(kept({ path: 'kept/other' }), kept({ path: 'kept/one' })), /where data is kept can not be changed/u);
  t.match(said(onServer('d_one'), kept({ path: 'kept/one' })), /can not be changed/u);
  const keptBy = (host: string, server: object): object =>
    kept({ host, database: { engine: 'MariaDB', databaseName: 'd_one', ...server } });
  const [main, outside] = [{ server: 'main' }, { server: 'main', external: true }];
  t.equal(said(keptBy('web2', outside), keptBy('web1', outside)), '', 'another host may look after it');
  for (const server of [{}, main, { server: 'main', external: false }])
    t.match(said(keptBy('web2', server), keptBy('web1', server)), /where data is kept can not be changed/u);
  t.match(said(keptBy('web2', outside), keptBy('web1', main)), /which database is kept can not be changed/u);
  const theirs = { objectRef: { kind: 'Database', namespace: 'other', name: 'shop' } };
  for (const whose of [theirs, { tenantRef: { name: 'other' } }])
    t.match(said(kept({ path: 'kept/one', ...whose }), kept({ path: 'kept/one' })), /whose data is kept can not be/u);
  t.match(said(keptBy('web1', { external: true })), /external/u, 'of which server?');
});
