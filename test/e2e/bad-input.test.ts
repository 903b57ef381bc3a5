import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { isRecord } from '#runtime/base/json.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { ObjectKey, ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { databaseKind, databaseUserKind, kinds, planRequestKind } from '#schemas/index.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { hostileTexts } from '#test/attacks/texts.ts';
import { walkSchema, withValue } from '#test/builders/schema-walk.ts';
import { connectionsOf, enter } from '#test/lab/database-sessions.ts';
import { freePort } from '#test/lab/free-port.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { patienceMs } from '#test/lab/patience.ts';
import type { Visit } from '#test/lab/visit.ts';
import {
  aDomain,
  declare,
  declareSite,
  declareStaticSite,
  declareTenant,
  domainType,
  verdictOf,
} from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

const instance = await startInstance();
const files = mkdtempSync(join(tmpdir(), 'wcp360-bad-'));
t.teardown(async () => {
  rmSync(files, { recursive: true, force: true });
  await instance.stop();
});

const client = await instance.client();
const allowedPort = await freePort();
await declareTenant(client, 'acme', {
  limits: { domains: 400 },
  proxyTargets: [{ cidr: '127.0.0.1/32', ports: String(allowedPort) }],
});
await declareTenant(client, 'other');
const witness = aDomain('other', 'witness');
await declareStaticSite(instance, client, { domain: witness, page: 'I am the witness.' });

async function witnessAnswer(): Promise<Omit<Visit, 'headers'> & { readonly headers: unknown }> {
  const { status, body, headers } = await instance.http('witness.other.test');
  const { date: _, ...rest } = headers;
  return { status, body, headers: rest };
}

const undisturbed = await witnessAnswer();
t.same([undisturbed.status, undisturbed.body], [200, 'I am the witness.']);

const good = (name: string): string => stringify(aDomain('acme', name));

/** Writes documents into one file and applies it. */
async function applyFile(name: string, documents: readonly string[]) {
  const path = join(files, `${name}.yaml`);
  writeFileSync(path, documents.join('---\n'));
  return { path, ...(await instance.wcpctl(['apply', '-f', path])) };
}

const bad = (spec: string): string =>
  `apiVersion: hosting.wcp360.io/v1alpha1\nkind: Domain\nmetadata: { name: bad, namespace: acme }\nspec:\n${spec}\n`;

const mistakes: readonly (readonly [what: string, document: string, object: RegExp, words: RegExp])[] = [
  [
    'an unknown field',
    bad('  hostname: bad.test\n  hostnam: x'),
    /Domain acme\/bad/,
    /spec\.hostnam: field not declared in schema/,
  ],
  ['a wrong type', bad('  hostname: bad.test\n  aliases: text'), /Domain acme\/bad/, /spec\.aliases/],
  ['a bad hostname', bad('  hostname: a..b'), /Domain acme\/bad/, /spec\.hostname: Invalid value: "a\.\.b"/],
  ['a missing field', bad('  www: Serve'), /Domain acme\/bad/, /spec\.hostname: Required value/],
  [
    'a value that is none of the words',
    bad('  hostname: bad.test\n  www: Maybe'),
    /Domain acme\/bad/,
    /spec\.www: Unsupported value: "Maybe"/,
  ],
  [
    'two ways to serve',
    bad('  hostname: bad.test\n  static: {}\n  php: {}'),
    /Domain acme\/bad/,
    /at most one of static, php, proxy and redirect/,
  ],
  [
    'a key twice',
    bad('  hostname: bad.test\n  hostname: worse.test'),
    /Domain acme\/bad/,
    /spec\.hostname: key "hostname" already set/,
  ],
  [
    'a reserved tenant name',
    'apiVersion: hosting.wcp360.io/v1alpha1\nkind: Tenant\nmetadata: { name: root }\nspec: {}\n',
    /Tenant root/,
    /metadata\.name.*reserved/,
  ],
  [
    'an unknown kind',
    'apiVersion: hosting.wcp360.io/v1alpha1\nkind: Domian\nmetadata: { name: bad }\n',
    /Domian/,
    /hosting\.wcp360\.io\/v1alpha1/,
  ],
];

await t.test('a mistake is told with file, line, object and field, and nothing of the file is written', async (t) => {
  for (const [index, [what, document, object, words]] of mistakes.entries()) {
    const { path, exitCode, stderr } = await applyFile(`mistake-${index}`, [good(`good-${index}`), document]);
    t.equal(exitCode, 1, what);
    t.ok(stderr.includes(`${path}:`), `${what}: file and line in ${stderr}`);
    t.match(stderr, object, what);
    t.match(stderr, words, what);
    t.equal(await client.get(domainType, { namespace: 'acme', name: `good-${index}` }), undefined, what);
  }
  const control = await applyFile('control', [good('good-0'), good('good-1')]);
  t.equal(control.exitCode, 0, 'without the mistake the same documents are taken');
  t.not(await client.get(domainType, { namespace: 'acme', name: 'good-1' }), undefined);
});

await t.test('several mistakes are told at once, each with its own place', async (t) => {
  const { stderr, exitCode } = await applyFile(
    'several',
    mistakes.slice(0, 3).map(([, document]) => document),
  );
  t.equal(exitCode, 1);
  for (const [what, , , words] of mistakes.slice(0, 3)) t.match(stderr, words, what);
});

await t.test('a file that is not there, or no YAML, is told as such', async (t) => {
  const missing = await instance.wcpctl(['apply', '-f', join(files, 'nowhere.yaml')]);
  t.equal(missing.exitCode, 1);
  t.match(missing.stderr, /nowhere\.yaml/);
  const broken = await applyFile('broken', ['spec: [1, 2\n']);
  t.equal(broken.exitCode, 1);
  t.match(broken.stderr, /broken\.yaml:\d/);
  const usage = await instance.wcpctl(['apply', '--nonsense']);
  t.equal(usage.exitCode, 1, 'as kubectl');
});

await t.test('who asks by hand for the plan of an object that no server has looked at is told so', async (t) => {
  const metadata = { name: 'by-hand', namespace: 'acme' };
  const apiVersion = apiVersionOf(planRequestKind);
  const type = resourceTypeOf(planRequestKind);
  await client.create(type, {
    apiVersion,
    kind: planRequestKind.kind,
    metadata,
    spec: { object: aDomain('acme', 'new') },
  });
  const plans = await until(async () => {
    const status = (await client.get(type, metadata))?.['status'];
    return isRecord(status) ? status['plans'] : undefined;
  }, 'an answer');
  t.match(plans, [{ by: 'cluster', reason: 'Invalid', message: /ask with the result of a dry run/u }]);
});

await t.test('one domain too many is refused by the quota, whichever document it is', async (t) => {
  await declareTenant(client, 'small', { limits: { domains: 2 } });
  const document = (name: string): string => stringify(aDomain('small', name));
  await until(async () => {
    const quota = await client.list(
      { group: '', version: 'v1', resource: 'resourcequotas', kind: 'ResourceQuota', namespaced: true },
      { namespace: 'small' },
    );
    return quota.items.length > 0;
  }, 'the quota');
  t.equal((await applyFile('two', [document('a'), document('b')])).exitCode, 0, 'as many as allowed');
  const { stderr, exitCode, path } = await applyFile('three', [document('a'), document('b'), document('c')]);
  t.equal(exitCode, 1);
  t.match(stderr, /exceeded quota/);
  t.match(stderr, /count\/domains\.hosting\.wcp360\.io=1.*used.*=2.*limited.*=2/);
  t.ok(stderr.includes(`${path}:`) && /Domain small\/c/.test(stderr), stderr);
  t.equal(await client.get(domainType, { namespace: 'small', name: 'c' }), undefined);
});

await t.test('a Domain that cannot be served says why, and every other site goes on', async (t) => {
  await declareSite(client, aDomain('acme', 'here'));
  const cases: readonly (readonly [name: string, spec: Record<string, unknown>, reason: string, words: RegExp])[] = [
    ['taken', { hostname: 'witness.other.test' }, 'HostnameTaken', /witness\.other\.test/],
    ['not-allowed', { proxy: { url: 'http://127.0.0.1:22' } }, 'ProxyTargetNotAllowed', /127\.0\.0\.1.*22|22/],
    [
      'refusing',
      { proxy: { url: `http://127.0.0.1:${allowedPort}` } },
      'ProxyTargetRefused',
      new RegExp(String(allowedPort)),
    ],
    ['rootless', { static: { root: 'dist' } }, 'DocumentRootMissing', /dist/],
    ['old-php', { php: { version: '5.6' } }, 'PhpVersionNotInstalled', /5\.6/],
    ['secretless', { php: { envFrom: [{ secretRef: { name: 'nowhere' } }] } }, 'SecretNotFound', /nowhere/],
  ];
  for (const [name, spec] of cases) await declare(client, domainType, aDomain('acme', name, spec));
  for (const [name, , reason, words] of cases) {
    const found = await until(async () => {
      const verdict = await verdictOf(client, aDomain('acme', name));
      return verdict.reason === reason ? verdict : undefined;
    }, `${name} to say ${reason}`);
    t.equal(found.status, 'False', name);
    t.match(found.message, words, name);
    t.match(found.message, / .*\.$/s, `${name}: a sentence`);
  }
  t.same(await witnessAnswer(), undisturbed);
  t.equal((await instance.http('here.acme.test')).status, 200);
  t.equal((await instance.http('not-allowed.acme.test')).status, 503);
  t.equal((await instance.http('refusing.acme.test')).status, 502);
  t.equal((await verdictOf(client, witness)).status, 'True', 'the owner of the taken name is not touched');
});

await t.test('what was wrong is served as soon as it is right, without a word to anybody', async (t) => {
  const uid = await instance.uidOf('acme');
  t.ok(uid >= 20_000);
  await instance.runAs('acme', ['/bin/mkdir', join(instance.directory, 'tenants/acme/domains/rootless/dist')]);
  const settled = await until(
    async () => (await verdictOf(client, aDomain('acme', 'rootless'))).status === 'True',
    'the document root to be found',
    // It is looked for ever more seldom.
    300_000,
  );
  t.ok(settled);
  await client.delete(domainType, { namespace: 'acme', name: 'taken' });
});

const hostile: readonly string[] = [...hostileTexts, '$host', '%0d%0aSet-Cookie:x', '</script>', '*.'];

const examples = join(import.meta.dirname, '../../examples');
const shop = parseAllDocuments(readFileSync(join(examples, 'scenarios/shop.yaml'), 'utf8'))[0]?.toJS() as {
  readonly spec: Readonly<Record<string, unknown>>;
};

/** A Domain in which the field may stand: of the four ways to serve only the one that it belongs to, and nothing that keeps visitors out. */
function baseFor(path: string): KubeObject {
  const way = /^spec\.(static|php|proxy|redirect)/.exec(path)?.[1] ?? 'static';
  const { php, headers, tls, access, errorPages } = shop.spec;
  const ways: Readonly<Record<string, unknown>> = { static: {}, php, proxy: {}, redirect: { to: 'https://acme.test' } };
  const closed = path.startsWith('spec.access') ? { access } : {};
  return aDomain('acme', 'hostile', { headers, tls, errorPages, ...closed, [way]: ways[way] });
}

const stringPaths = (kind: (typeof kinds)[number]): readonly string[] =>
  walkSchema(kind.spec, 'spec')
    .filter(({ schema }) => schema.type === 'string' || schema['x-kubernetes-int-or-string'] === true)
    .map(({ path }) => path);

/** Whether the server takes the object; what it says when not. */
async function refusalOf(object: KubeObject, type = domainType): Promise<string | undefined> {
  try {
    await client.apply(type, object, { fieldManager: 'hostile', force: true, dryRun: true, fieldValidation: 'Strict' });
    return undefined;
  } catch (err) {
    // Kubernetes itself answers 500 to an apply that is not of its schema.
    if (err instanceof ApiError && (err.status < 500 || err.message.includes('typed patch object'))) return err.message;
    throw err;
  }
}

const accepted: { readonly path: string; readonly value: string; readonly object: KubeObject }[] = [];

await t.test(
  'hostile text in every string field of a Domain is refused with its field, or is one of the few data fields',
  async (t) => {
    let refused = 0;
    for (const path of stringPaths(domainKind)) {
      await Promise.all(
        hostile.map(async (value) => {
          const object = withValue(baseFor(path), path, value) as KubeObject;
          const refusal = await refusalOf(object);
          if (refusal === undefined) accepted.push({ path, value, object });
          else {
            refused += 1;
            const field = path.split(/[[{]/)[0] ?? '';
            if (!refusal.includes(field))
              t.fail(`${path} ${JSON.stringify(value.slice(0, 30))}: ${refusal.slice(0, 300)}`);
          }
        }),
      );
    }
    const open = [...new Set(accepted.map(({ path }) => path))].toSorted();
    t.comment(`${refused} refused; taken as data in ${open.join(', ')}`);
    t.ok(refused > 500);
    t.ok(accepted.length > 5, 'the data fields are open at all');
  },
);

await t.test(
  'text that is taken leaves every other site as it was, and nginx never takes it for configuration',
  async (t) => {
    const before = (await instance.services()).get('nginx')?.pid;
    const configuration = await readFile(join(instance.directory, 'front/nginx.conf'), 'utf8');
    for (const [index, { object, path, value }] of accepted.entries()) {
      const domain = { ...object, metadata: { ...object.metadata, name: `hostile-${index % 12}` } } as KubeObject;
      const spec = { ...(domain['spec'] as object), hostname: `hostile-${index % 12}.acme.test` };
      await declare(client, domainType, { ...domain, spec });
      const { headers, status } = await until(() => instance.http(spec.hostname), 'an answer');
      t.notOk(headers['set-cookie'], `${path} gives no header for ${encodeURIComponent(value)}`);
      t.ok(status >= 200 && status < 600);
    }
    for (let index = 0; index < Math.min(12, accepted.length); index += 1)
      await verdictOf(client, aDomain('acme', `hostile-${index}`));
    t.same(await witnessAnswer(), undisturbed);
    t.equal((await instance.services()).get('nginx')?.pid, before, 'nginx went on');
    t.equal(await readFile(join(instance.directory, 'front/nginx.conf'), 'utf8'), configuration);
  },
);

const fragment = fc.oneof(
  fc.constantFrom(
    '$',
    '{',
    '}',
    ';',
    '"',
    "'",
    '\\',
    '`',
    '%0d%0a',
    '#',
    '..',
    '/',
    '*',
    '~',
    '<',
    '>',
    '&',
    ' ',
    ':',
    '=',
    '\t',
  ),
  fc.string({ maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const visible = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
const text = fc.oneof(
  visible,
  fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join('')),
);
const specs = fc.oneof(
  text.map((value) => ({ headers: [{ name: 'X-Data', value }] })),
  text.map((value) => ({ redirect: { to: `https://acme.test/${value}`, keepPath: false } })),
  text.map((value) => ({ php: { env: [{ name: 'DATA', value }] } })),
  text.map((value) => ({ errorPages: [{ code: 404, path: `/${value}` }] })),
  text.map((value) => ({ php: { settings: [{ name: 'session.name', value }] } })),
  text.map((value) => ({ static: { root: value } })),
  text.map((value) => ({ aliases: [value] })),
);

await t.test(
  'whatever text somebody declares: refused, or their own data; a header comes out as it went in',
  async (t) => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(specs, { minLength: 6, maxLength: 6 }), async (wanted) => {
        for (const [index, spec] of wanted.entries()) {
          const domain = aDomain('acme', `any-${index}`, spec);
          if ((await refusalOf(domain)) !== undefined) continue;
          taken += 1;
          const { metadata } = await declare(client, domainType, domain);
          await until(async () => (await generationServed(`any-${index}`)) === metadata.generation, `any-${index}`);
          const answer = await instance.http(`any-${index}.acme.test`, '/nowhere');
          const { headers } = answer;
          // RFC 9110 §5.5: blanks around a value are no part of it; an empty one may be left out.
          if ('headers' in spec)
            t.equal(headers['x-data'] ?? '', spec.headers[0]?.value.trim(), 'a header comes out as it went in');
          if ('redirect' in spec) t.equal(headers.location, spec.redirect.to);
          t.equal(headers['set-cookie'], undefined);
        }
        return isDeepStrictEqual(await witnessAnswer(), undisturbed) && t.passing();
      }),
      { numRuns: 15 },
    );
    t.comment(`${taken} taken`);
    t.ok(taken > 10);
  },
);

async function generationServed(name: string): Promise<number | undefined> {
  const record = await readFile(join(instance.directory, 'front/sites', `${name}.acme.test`), 'utf8').catch(() => '{}');
  const parsed: unknown = JSON.parse(record);
  return isRecord(parsed) ? (parsed['generation'] as number | undefined) : undefined;
}

const exampleOf: Readonly<Record<string, string>> = {
  Package: 'package.yaml',
  Tenant: 'tenant.yaml',
  RetainedData: 'retained-data.yaml',
};

await t.test('hostile text in the kinds of administrators is refused, or changes nothing for anybody', async (t) => {
  let refused = 0;
  const open = new Set<string>();
  for (const kind of kinds.filter(({ kind: name }) => name in exampleOf)) {
    for (const path of stringPaths(kind)) {
      const base: unknown = parse(readFileSync(join(examples, exampleOf[kind.kind] ?? ''), 'utf8'));
      for (const value of hostile) {
        const refusal = await refusalOf(withValue(base, path, value) as KubeObject, resourceTypeOf(kind));
        if (refusal === undefined) open.add(`${kind.kind} ${path}`);
        else refused += 1;
      }
    }
  }
  t.comment(`${refused} refused; taken in ${[...open].join(', ')}`);
  t.ok(refused > 100);
  const message = '</p><script>alert(1)</script> $host "quoted"';
  const suspended = await instance.wcpctl(['tenant', 'suspend', 'acme', '--message', message]);
  t.equal(suspended.exitCode, 0, suspended.stderr);
  const notice = await until(async () => {
    const answer = await instance.http('here.acme.test');
    return answer.status === 503 ? answer : undefined;
  }, 'the notice');
  t.notMatch(notice.body, /<script>/);
  t.match(notice.body, /&lt;script&gt;alert\(1\)&lt;\/script&gt; \$host/);
  t.same(await witnessAnswer(), undisturbed);
});

const databaseType = resourceTypeOf(databaseKind);
const userType = resourceTypeOf(databaseUserKind);
const connectionOf = connectionsOf(client, instance.directory);

const objectIn = (namespace: string, kind: string, name: string, spec: object): KubeObject => ({
  apiVersion: apiVersionOf(databaseKind),
  kind,
  metadata: { name, namespace },
  spec,
});

const reasonOf = async (type: ResourceType, key: ObjectKey, reason: string): Promise<KubeObject> =>
  await until(
    async () => {
      const live = await client.get(type, key);
      return conditionOf(live, 'Ready')?.['reason'] === reason ? live : undefined;
    },
    `${key.name} to say ${reason}`,
    patienceMs,
  );

await t.test(
  'tenants whose names could meet have nothing of each other, whatever their objects are called',
  async (t) => {
    const database = async (namespace: string, name: string, spec: object): Promise<void> => {
      for (const [type, kind, wanted] of [
        [databaseType, 'Database', spec],
        [userType, 'DatabaseUser', { databases: [{ name }], secretName: `${name}-db` }],
      ] as const)
        await declare(client, type, objectIn(namespace, kind, name, wanted));
    };
    const tenants = { 'a-b': ['c', 'mysql'], a: ['b-c', 'root', 'postgres', `x${'y'.repeat(58)}z`] };
    for (const [namespace, names] of Object.entries(tenants)) {
      await declareTenant(client, namespace);
      for (const engine of ['PostgreSQL', 'MariaDB'])
        for (const name of names) await database(namespace, `${name}-${engine.slice(0, 2).toLowerCase()}`, { engine });
    }
    for (const engine of ['PostgreSQL', 'MariaDB'] as const) {
      const end = engine.slice(0, 2).toLowerCase();
      const all = Object.entries(tenants).flatMap(([namespace, names]) =>
        names.map((name) => ({ namespace, name: `${name}-${end}` })),
      );
      for (const key of all) await reasonOf(userType, key, 'Available');
      for (const { namespace, name } of all)
        await enter[engine](await connectionOf(namespace, `${name}-db`), async (ask) => {
          await ask('CREATE TABLE own (n integer)');
        });
      const found = await Promise.all(
        all.map(async ({ namespace, name }) => await connectionOf(namespace, `${name}-db`)),
      );
      for (const key of ['database', 'username', 'password'])
        t.equal(new Set(found.map((each) => each[key])).size, all.length, `${key} on ${engine}`);
      const [mine = {}, ...others] = found;
      for (const { database: theirs = '' } of others)
        await t.rejects(
          enter[engine](
            { ...mine, database: theirs, uri: (mine['uri'] ?? '').replace(mine['database'] ?? '', theirs) },
            (ask) => ask('SELECT n FROM own'),
          ),
          `what is not granted on ${engine}`,
        );
    }
  },
);

await t.test('a Database of a hostile name, collation or extension is refused with its field', async (t) => {
  for (const [name, spec] of [
    ["o'brien", { engine: 'MariaDB' }],
    ['a`b', { engine: 'MariaDB' }],
    ['a_b', { engine: 'PostgreSQL' }],
    ['a%b', { engine: 'MariaDB' }],
    ['x'.repeat(64), { engine: 'PostgreSQL' }],
    ['unknown', { engine: 'PostgreSQL', extensions: ['plpython3u'] }],
    ['on-mariadb', { engine: 'MariaDB', extensions: ['hstore'] }],
    ['collated', { engine: 'PostgreSQL', collation: "C'; DROP DATABASE postgres; --" }],
    ['collated', { engine: 'MariaDB', collation: 'utf8mb4_bin */ DROP' }],
  ] as const) {
    await t.rejects(
      declare(client, databaseType, objectIn('acme', 'Database', name, spec)),
      { message: /invalid/i },
      name,
    );
    // A server may not even look for such a name.
    t.equal(await client.get(databaseType, { namespace: 'acme', name }).catch(() => undefined), undefined);
  }
  await declare(
    client,
    databaseType,
    objectIn('acme', 'Database', 'no-such', { engine: 'PostgreSQL', collation: 'xx_YY' }),
  );
  const said = conditionOf(
    await reasonOf(databaseType, { namespace: 'acme', name: 'no-such' }, 'DatabaseRefused'),
    'Ready',
  );
  t.match(said, { status: 'False', message: /xx_YY/ }, 'in the words of the server');
});
