import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import {
  certificateKind,
  databaseKind,
  databaseServerKind,
  databaseUserKind,
  type Database,
  type DatabaseUser,
} from '#schemas/index.ts';
import { roleBindingKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { execute, listening, openDesktop, shownCertificate, startBareAdminer } from '#test/lab/adminer.ts';
import { openBrowser, type Browser, type Page } from '#test/lab/browser.ts';
import { startChromium } from '#test/lab/chromium.ts';
import { openMariadbElsewhere } from '#test/lab/mariadb.ts';
import { openPostgresqlElsewhere } from '#test/lab/postgresql.ts';
import { administrator, externalOf, somewhereElse } from '#test/lab/server-elsewhere.ts';
import { runWcpctl } from '#test/lab/wcpctl.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { processesWith } from '#test/lab/processes-with.ts';
import { run } from '#test/lab/run.ts';
import {
  aDomain,
  declare,
  declareTenant,
  domainType,
  hostType,
  secretType,
  tenantType,
  verdictOf,
} from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Databases in a browser: from `wcpctl db web` to Adminer, as one login of one tenant, and as nobody else.

t.setTimeout(600_000);

const instance = await startInstance({ https: true });
t.teardown(async () => await instance.stop());
const client = await instance.client();
const apiVersion = 'hosting.wcp360.io/v1alpha1';
const panel = 'panel.localhost';
const engines = ['PostgreSQL', 'MariaDB'] as const;
type Engine = (typeof engines)[number];
const [databaseType, userType] = [resourceTypeOf(databaseKind), resourceTypeOf(databaseUserKind)];
const nameOf = (engine: Engine): string => engine.toLowerCase();

async function isTrue(type: ResourceType, key: { namespace?: string; name: string }, condition: string): Promise<void> {
  await until(async () => {
    const live = await client.get(type, key);
    const found = conditionOf(live, condition);
    return found?.['status'] === 'True' && found['observedGeneration'] === live?.metadata.generation;
  }, `${key.name} to be ${condition}`);
}

async function declareUser(namespace: string, name: string, spec: object): Promise<void> {
  await declare(client, userType, { apiVersion, kind: 'DatabaseUser', metadata: { namespace, name }, spec });
}

/** What each tenant has in its databases. */
const tables = { acme: 'teas', other: 'recipes' } as const;

for (const [tenant, table] of Object.entries(tables)) {
  await declareTenant(client, tenant);
  for (const engine of engines) {
    const metadata = { namespace: tenant, name: nameOf(engine) };
    await declare(client, databaseType, { apiVersion, kind: 'Database', metadata, spec: { engine } });
    await declareUser(tenant, nameOf(engine), { databases: [{ name: nameOf(engine) }], secretName: nameOf(engine) });
  }
  for (const engine of engines) {
    await isTrue(userType, { namespace: tenant, name: nameOf(engine) }, 'Ready');
    const input = `CREATE TABLE ${table} (name varchar(40)); INSERT INTO ${table} VALUES ('only of ${tenant}');`;
    const ended = await instance.wcpctl(['db', 'shell', nameOf(engine), '-n', tenant], { input });
    if (ended.exitCode !== 0) throw new Error(ended.stderr);
  }
}

const [host] = (await client.list<KubeObject>(hostType)).items;
const hostName = host?.metadata.name ?? '';

async function declareHost(databaseClient: 'Off' | 'Adminer', more: { readonly port?: number } = {}): Promise<void> {
  const spec = { panel: { hostname: panel, tls: { secretRef: { name: 'panel-tls' } }, databaseClient, ...more } };
  await declare(client, hostType, { apiVersion, kind: 'Host', metadata: { name: hostName }, spec });
  await isTrue(hostType, { name: hostName }, 'PanelServed');
}

await declare(client, resourceTypeOf(certificateKind), {
  apiVersion,
  kind: 'Certificate',
  metadata: { namespace: SYSTEM_NAMESPACE, name: 'panel' },
  spec: { secretName: 'panel-tls', dnsNames: [panel], issuerRef: { name: 'local' } },
});
await declareHost('Adminer');

const ca = await readFile(join(instance.directory, 'acme-roots.pem'));
const site = { hostname: panel, port: instance.ports.https, ca };
const address = `https://${panel}:${instance.ports.https}`;
const origin = { origin: address };

/** As it is printed. */
async function wayIn(tenant: string, name: string, ...words: readonly string[]): Promise<string> {
  const ended = await instance.wcpctl(['db', 'web', name, '-n', tenant, ...words]);
  if (ended.exitCode !== 0) throw new Error(ended.stderr);
  return ended.stdout.trim();
}

const tokenOf = (url: string): string => url.split('#')[1] ?? '';

async function redeem(browser: Browser, token: string, headers: object = origin): Promise<Page> {
  return await browser.post('/databases/enter', token, { 'content-type': 'text/plain', ...headers });
}

/** A browser that is let in. */
async function enter(tenant: string, name: string, ...words: readonly string[]): Promise<Browser> {
  const browser = openBrowser(site);
  const { status, text } = await redeem(browser, tokenOf(await wayIn(tenant, name, ...words)));
  if (status !== 204) throw new Error(`${status}: ${text}`);
  return browser;
}

/** Follows redirects. */
async function look(browser: Browser, query = ''): Promise<Page> {
  let page = await browser.get(`/databases/${query}`);
  for (let hops = 0; page.status === 302 && hops < 4; hops += 1) {
    const { pathname, search } = new URL(page.headers.location ?? '', `${address}/databases/`);
    page = await browser.get(pathname + search);
  }
  return page;
}

async function leave(browser: Browser): Promise<void> {
  await browser.get('/databases/leave');
}

async function clients(): Promise<readonly string[]> {
  return [...(await instance.services()).keys()].filter((name) => name.startsWith('adminer-'));
}

/** Running clients, by their masters; other instances of this machine have theirs. */
function processes(title = 'php-fpm: master process (/client/php-fpm.conf)'): readonly string[] {
  const ours = new Set(processesWith('mountinfo', basename(instance.directory)));
  return processesWith('cmdline', title).filter((pid) => ours.has(pid));
}

/** What a Database of the other tenant is called on the server. */
async function otherName(engine: Engine): Promise<string> {
  const live = await client.get<Database>(databaseType, { namespace: 'other', name: nameOf(engine) });
  return live?.status?.databaseName ?? '';
}

const othersOf = {
  PostgreSQL: `SELECT * FROM pg_read_file('/etc/passwd')`,
  MariaDB: `SELECT * FROM \`${await otherName('MariaDB')}\`.recipes`,
} as const;
const refusalOf = { PostgreSQL: 'permission denied', MariaDB: 'denied' } as const;

const grep = async (directory: string, word: string) => await run(['/bin/grep', '-rlF', '--', word, directory]);

for (const engine of engines) {
  const name = nameOf(engine);

  await t.test(`somebody works with a Database on ${engine} in a browser, and sees nothing of others`, async (t) => {
    const certificate = await shownCertificate(site);
    const chromium = await startChromium(certificate);
    t.teardown(async () => await chromium.close());
    await until(async () => (await clients()).length === 0, 'nobody to be there');
    const tab = await chromium.open();
    await tab.goto(await wayIn('acme', name));
    await tab.shows(`document.body.innerText.includes('teas')`);
    t.equal(await tab.value('location.hash'), '');
    t.notMatch(await tab.value('location.href'), /enter/);
    t.equal((await clients()).length, 1);

    await tab.goto(await tab.value(`document.querySelector('#menu a[href*="select=teas"]').href`));
    await tab.shows(`document.body.innerText.includes('only of acme')`);
    await tab.goto(await tab.value(`document.querySelector('a[href*="&sql="]').href`));
    await execute(tab, `INSERT INTO teas VALUES ('from a browser')`);
    await tab.shows(`document.body.innerText.includes('Query executed OK, 1 row affected')`);
    await execute(tab, `SELECT name FROM teas`);
    await tab.shows(`[...document.querySelectorAll('td')].some((cell) => cell.innerText === 'from a browser')`);
    await execute(tab, othersOf[engine]);
    await tab.shows(`document.body.innerText.includes('${refusalOf[engine]}')`);
    t.notMatch(await tab.value('document.body.innerText'), /only of other/);

    t.same(tab.complaints, [], 'nothing is against the policy of the page');
    for (const url of tab.requests) t.ok(url.startsWith(`${address}/databases/`) || url.startsWith('data:'), url);
    t.notOk(tab.requests.some((url) => url.includes('#')));
    await tab.value(`document.querySelector('#logout').click()`);
    await tab.shows(`document.body.innerText.includes('You are logged out')`);
    await until(async () => (await clients()).length === 0, 'the client to end');
    t.same(processes(), []);
    await tab.goto(`${address}/databases/`).catch(() => undefined);
    await tab.shows(`document.body.innerText.includes('You are not logged in')`);
  });

  await t.test(`whatever is asked of Adminer on ${engine}, it is at its own login and database`, async (t) => {
    const { listener, callers } = await listening();
    t.teardown(() => listener.close());
    const { port } = listener.address() as AddressInfo;
    const elsewhere = `127.0.0.1:${port}`;
    const browser = await enter('acme', name);
    t.match((await look(browser)).text, /teas/, 'as it comes');
    const asked = [
      `server=${elsewhere}`,
      `server=${elsewhere}&username=root&db=mysql`,
      `pgsql=${elsewhere}&username=postgres&db=postgres`,
      `elastic=${elsewhere}&username=x`,
      `mongo=${elsewhere}&username=x`,
      'sqlite=&username=&db=%2Fetc%2Fpasswd',
      'username=root',
      'username[]=root',
      'db=mysql',
      `db=${await otherName(engine)}`,
      'db[]=mysql',
      'db=',
      'server[]=x',
      'file=../../../etc/passwd',
    ];
    for (const query of asked) {
      const { status, text } = await look(browser, `?${query}`);
      t.notMatch(text, /recipes|only of other|root:x:0|name="auth/, query);
      t.match(text, query.startsWith('file=') ? /^/ : /teas/, `${query} (${status})`);
    }
    const login = { driver: 'server', server: elsewhere, username: 'root', password: 'x', db: 'mysql' };
    const form = new URLSearchParams(
      Object.entries(login).map(([key, value]): [string, string] => [`auth[${key}]`, value]),
    );
    const posted = await browser.post('/databases/', form, origin);
    t.notMatch(posted.text, /name="auth/);
    t.match((await look(browser)).text, /teas/);
    t.equal(callers(), 0, 'nobody was called');
    await leave(browser);

    const bare = await startBareAdminer();
    t.teardown(async () => await bare.stop());
    const bareBrowser = await fetch(`${bare.url}/adminer.php`, { method: 'POST', body: form, redirect: 'manual' });
    const cookie = bareBrowser.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    await fetch(new URL(bareBrowser.headers.get('location') ?? '', bare.url), { headers: { cookie } });
    t.not(callers(), 0, 'Adminer as it comes does call');
  });
}

for (const engine of engines) {
  await t.test(`a browser works with a Database on a ${engine} elsewhere, by way of the agent alone`, async (t) => {
    const server = await (engine === 'PostgreSQL' ? openPostgresqlElsewhere(t) : openMariadbElsewhere(t));
    const name = `far-${nameOf(engine)}`;
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: SYSTEM_NAMESPACE } };
    await declare(client, secretType, { ...secret, stringData: administrator } as KubeObject);
    const external = externalOf(engine, name, server.place);
    const named = { apiVersion, kind: 'DatabaseServer', metadata: { name } };
    await declare(client, resourceTypeOf(databaseServerKind), { ...named, spec: { engine, external } });
    const metadata = { namespace: 'acme', name };
    const spec = { engine, serverRef: { name } };
    await declare(client, databaseType, { apiVersion, kind: 'Database', metadata, spec });
    await declareUser('acme', name, { databases: [{ name }], secretName: name });
    await isTrue(userType, metadata, 'Ready');
    const input = `CREATE TABLE coffees (name varchar(40)); INSERT INTO coffees VALUES ('from afar');`;
    t.match(await instance.wcpctl(['db', 'shell', name, '-n', 'acme'], { input }), { exitCode: 0 });

    const browser = await enter('acme', name);
    t.match(await look(browser), { status: 200, text: /coffees/ });
    t.match((await look(browser, '?ns=public&select=coffees')).text, /from afar/);
    const [pid = ''] = processes();
    t.not(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync('/proc/self/ns/net'), 'it has no network');
    t.same(readdirSync(`/proc/${pid}/root/srv/wcp360`), ['run']);
    t.same(readdirSync(`/proc/${pid}/root/srv/wcp360/run/relays`).length, 1, 'and sees one way out');
    await server.present((await somewhereElse()).identity);
    await until(async () => /does not prove/.test((await look(browser)).text), 'another server not to be believed');
    await server.present(server.place.identity);
    await leave(browser);
    for (const type of [userType, databaseType]) {
      await client.delete(type, metadata);
      await until(async () => (await client.get(type, metadata)) === undefined, `${type.kind} ${name} to go`);
    }
  });
}

await t.test('a way in is opened in the browser of a desktop, and is no word of a program there', async (t) => {
  const { env, seen, breakOpener } = await openDesktop(t);
  const words = ['db', 'web', 'mariadb', '-n', 'acme', '--open'];
  const { kubeconfig } = instance;
  t.match(await runWcpctl({ kubeconfig, env }, words), { code: 0, out: '', err: '' });
  const opened = await seen();
  t.match(opened, /^file:.*web\.html$/);
  const page = await readFile(fileURLToPath(opened), 'utf8');
  t.match(await stat(fileURLToPath(opened)), { mode: 0o100600 });
  const [, url = ''] = /url=([^"]*)"/.exec(page) ?? [];
  const browser = openBrowser(site);
  t.equal((await redeem(browser, tokenOf(url))).status, 204);
  await leave(browser);
  const bare = await runWcpctl({ kubeconfig, env: {} }, words);
  t.match(bare, { code: 0, out: `${address}/databases/enter#`, err: /there is no display/ });
  await breakOpener();
  const failing = await runWcpctl({ kubeconfig, env }, words);
  t.match(failing, { code: 0, out: `${address}/databases/enter#`, err: /xdg-open ended with 3/ });
  await leaveAll([bare.out, failing.out]);
});

await t.test('a way in names the port that browsers come to', async (t) => {
  await declareHost('Adminer', { port: 443 });
  const url = await until(async () => {
    const found = await wayIn('acme', 'mariadb');
    return found.startsWith(`https://${panel}/databases/enter#`) ? found : undefined;
  }, 'the port to be followed');
  await leaveAll([url]);
  await declareHost('Adminer');
  await until(async () => {
    const found = await wayIn('acme', 'mariadb');
    await leaveAll([found]);
    return found.startsWith(`${address}/`);
  }, 'the own port');
  t.pass();
});

/** Uses ways in up: a tenant has only so many. */
async function leaveAll(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    const browser = openBrowser(site);
    await redeem(browser, tokenOf(url.trim()));
    await leave(browser);
  }
}

await t.test('a way in is good once, and a guess is good for nothing', async (t) => {
  const token = tokenOf(await wayIn('acme', 'mariadb'));
  const [first, second, thief] = [openBrowser(site), openBrowser(site), openBrowser(site)];
  const guess = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`;
  for (const wrong of [guess, '', 'x'.repeat(65), '../../x', token.slice(0, -1), `${token} -`])
    t.equal((await redeem(thief, wrong)).status, 403, wrong);
  t.equal((await redeem(thief, token, { origin: 'https://evil.example' })).status, 403, 'from another site');
  t.equal((await redeem(thief, token, {})).status, 403, 'from no site');
  const answers = await Promise.all([first, second].map(async (browser) => await redeem(browser, token)));
  t.same(new Set(answers.map(({ status }) => status)), new Set([204, 403]), 'of two at once one gets in');
  const cookies = answers.flatMap(({ headers }) => headers['set-cookie'] ?? []);
  t.match(cookies, [/^__Host-wcp360-databases=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/]);
  t.equal((await redeem(thief, token)).status, 403, 'used');
  t.equal((await look(thief)).status, 403);
  const inside = answers[0]?.status === 204 ? first : second;
  t.match(await look(inside), { status: 200, text: /teas/ });
  await leave(inside);
  t.equal((await look(inside)).status, 403, 'who left is out');
  const cookie = cookies[0]?.split(';')[0] ?? '';
  t.equal((await thief.get('/databases/', { cookie })).status, 403, 'and what he had is worth nothing');
});

await t.test('a session is that of one tenant, wherever its cookie comes from', async (t) => {
  const [ours, theirs] = [await enter('acme', 'postgresql'), await enter('other', 'postgresql')];
  t.match(await look(ours), { status: 200, text: /teas/ });
  const page = await look(theirs);
  t.match(page, { status: 200, text: /recipes/ });
  t.notMatch(page.text, 'teas');
  t.notMatch((await look(ours)).text, 'recipes');
  t.match(page.headers, {
    'cache-control': 'no-store',
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'content-security-policy': /default-src 'none'.*frame-ancestors 'none'/,
  });
  const fromNeighbour = await theirs.get('/databases/', { 'sec-fetch-site': 'same-site' });
  t.equal(fromNeighbour.status, 403, 'a site below the same domain asks in vain');
  t.equal((await theirs.post('/databases/', 'x=1', { origin: 'https://shop.localhost' })).status, 403);
  const much = { ...origin, 'content-length': '65000000' };
  t.equal(
    (await openBrowser(site).post('/databases/', 'x', { ...much, expect: '100-continue' })).status,
    403,
    'from nobody',
  );
  t.equal((await theirs.get('/databases/index.php')).status, 404);
  t.equal((await theirs.get('/databases/../client/php-fpm.conf')).status, 404);
  t.equal((await theirs.get('/databases/', { host: 'shop.acme.test' })).status, 421, 'under another name');

  const [pid = ''] = processes();
  t.not(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync('/proc/self/ns/net'), 'it has no network');
  t.same(readdirSync(`/proc/${pid}/root/srv/wcp360`), ['databases'], 'and sees no files of tenants');
  t.same(readdirSync(`/proc/${pid}/root/srv/wcp360/databases`), ['postgresql'], 'nor another server');
  const owners = processes().map((each) => statSync(`/proc/${each}`).uid);
  t.same(new Set(owners), new Set([await instance.uidOf('acme'), await instance.uidOf('other')]));
  await leave(ours);
  await leave(theirs);
});

await t.test('whoever may gets a way in, and neither viewers nor other tenants do', async (t) => {
  for (const role of ['owner', 'viewer'])
    await declare(client, resourceTypeOf(roleBindingKind), {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { namespace: 'acme', name: role },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `wcp360-tenant-${role}` },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: role }],
    });
  const asked = async (user: string, ...words: readonly string[]) =>
    await instance.wcpctl(['db', 'web', 'mariadb', '-n', 'acme', '--as', user, ...words]);
  t.match(await asked('owner'), { exitCode: 0 });
  t.match(await asked('viewer'), { exitCode: 1, stdout: '', stderr: /forbidden.*databases\/web/ });
  t.match(await asked('nobody'), { exitCode: 1, stdout: '', stderr: /forbidden/ });
  t.match(await asked('owner', '--user', 'postgresql'), { exitCode: 1, stderr: /no DatabaseUser postgresql/ });
  t.match(await instance.wcpctl(['db', 'web', 'mariadb', '-n', 'other', '--as', 'owner']), { exitCode: 1 });
});

await t.test('the name of the panel is no tenant’s, nor is one below it', async (t) => {
  const site = (name: string, hostname: string) => aDomain('acme', name, { hostname, static: {} });
  for (const [name, hostname] of [
    ['taken', panel],
    ['below', `shop.${panel}`],
  ] as const) {
    const domain = site(name, hostname);
    await declare(client, domainType, domain);
    t.match(await verdictOf(client, domain), { status: 'False', reason: 'HostnameReserved' }, hostname);
  }
  const beside = site('beside', 'panels.localhost');
  await declare(client, domainType, beside);
  t.match(await verdictOf(client, beside), { message: /^(Served|The site answers)/ }, 'one beside it may be');
});

await t.test('a password is in no argument, and neither it nor a way in is in a log', async (t) => {
  const url = await wayIn('acme', 'mariadb');
  const browser = openBrowser(site);
  t.equal((await redeem(browser, tokenOf(url))).status, 204);
  t.match(await look(browser), { status: 200 });
  const secret = (await client.get(secretType, { namespace: 'acme', name: 'mariadb' })) as unknown as {
    readonly data: Readonly<Record<string, string>>;
  };
  const password = Buffer.from(secret.data['password'] ?? '', 'base64').toString();
  t.ok(password.length > 16);
  const commands = readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
    } catch {
      return [];
    }
  });
  t.ok(commands.some((line) => line.includes('/client/php-fpm.conf')));
  t.notOk(commands.some((line) => line.includes(password)));
  const { stdout } = await grep(instance.directory, password);
  t.equal(stdout, '');
  t.equal((await grep(instance.directory, tokenOf(url))).stdout, '');
  t.not((await grep(instance.directory, '/databases/enter')).stdout, '', 'what was asked for is there');
  await leave(browser);
});

await t.test('a session ends with what it is for', async (t) => {
  const ends = async (browser: Browser, what: string, status = 403): Promise<void> => {
    await until(async () => (await clients()).length === 0, `the client to end ${what}`);
    t.equal((await look(browser)).status, status, what);
  };
  const suspend = async (suspended: boolean): Promise<void> => {
    const body = { spec: { suspensions: suspended ? [{ by: 'lab', reason: 'Billing' }] : [] } };
    await client.patch(tenantType, { name: 'acme' }, { type: 'merge', body }, { fieldManager: 'lab' });
  };
  const opened = async (...words: readonly string[]): Promise<Browser> => {
    const browser = await enter('acme', 'mariadb', ...words);
    t.match(await look(browser), { status: 200, text: /teas/ });
    return browser;
  };
  const before = await opened();
  await suspend(true);
  await ends(before, 'with a suspension');
  t.match((await instance.wcpctl(['db', 'web', 'mariadb', '-n', 'acme'])).stderr, /cannot log in/);
  await suspend(false);
  await isTrue(userType, { namespace: 'acme', name: 'mariadb' }, 'Ready');

  await declareUser('acme', 'guest', { databases: [{ name: 'mariadb', access: 'ReadOnly' }], secretName: 'guest' });
  await isTrue(userType, { namespace: 'acme', name: 'guest' }, 'Ready');
  const guest = await opened('--user', 'guest');
  await client.delete(userType, { namespace: 'acme', name: 'guest' });
  await ends(guest, 'with its DatabaseUser');

  const rotated = await opened();
  const { rotatedAt } =
    (await client.get<DatabaseUser>(userType, { namespace: 'acme', name: 'mariadb' }))?.status ?? {};
  t.match(await instance.wcpctl(['databaseuser', 'rotate', 'mariadb', '-n', 'acme']), { exitCode: 0 });
  await until(async () => {
    const live = await client.get<DatabaseUser>(userType, { namespace: 'acme', name: 'mariadb' });
    return live?.status?.rotatedAt !== undefined && live.status.rotatedAt !== rotatedAt;
  }, 'another password');
  t.match(await look(rotated), { status: 200, text: /teas/ }, 'another password is followed');

  await declareHost('Off');
  await ends(rotated, 'when the client is turned off', 404);
  t.equal((await rotated.get('/databases/enter')).status, 404);
  const asked = await instance.wcpctl(['db', 'web', 'mariadb', '-n', 'acme']);
  t.match(asked, { exitCode: 1, stdout: '', stderr: /NotFound.*has no web client/ });
  await declareHost('Adminer');
  await leave(await opened());
});

await t.test(
  'a client that is killed is there again for the request that it was at and for the next, and one that an agent left is ended',
  async (t) => {
    const browser = await enter('acme', 'postgresql');
    t.match(await look(browser), { status: 200 });
    const [killed = ''] = processes();
    for (const each of processes('php-fpm: ')) process.kill(Number(each), 'SIGSTOP');
    const waiting = look(browser);
    await delay(500);
    process.kill(Number(killed), 'SIGKILL');
    t.match(await waiting, { status: 200 }, 'the one that it was at');

    process.kill(Number(processes()[0]), 'SIGKILL');
    await until(() => processes().length === 0, 'it to end');
    const asked = await Promise.all(['', '?sql=', '?dump='].map(async (query) => await look(browser, query)));
    t.same(
      asked.map(({ status }) => status),
      [200, 200, 200],
    );
    t.equal(processes().length, 1, 'one for all of them');
    const [left] = await clients();
    const agent = (await instance.services()).get('agent');
    process.kill(agent?.pid ?? 0, 'SIGKILL');
    await until(async () => !(await clients()).includes(left ?? ''), 'it to end');
    await until(async () => (await look(browser)).status === 403, 'the next agent');
    await leave(await enter('acme', 'postgresql'));
    t.same((await readdir(join(instance.directory, 'run'))).includes('panel.sock'), true);
  },
);
