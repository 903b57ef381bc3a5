import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { freePort } from '#test/lab/free-port.ts';
import { leftOvers, startInstance, until } from '#test/lab/instance.ts';
import { openKubectl } from '#test/lab/kubectl.ts';
import { testServer } from '#test/lab/test-servers.ts';
import { conditionOf } from '#test/lab/widgets.ts';

const quickstart = join(import.meta.dirname, '../../examples/quickstart');
const namespace = 'quickstart';

const instance = await startInstance();
const files = mkdtempSync(join(tmpdir(), 'wcp360-quickstart-'));
const children: (() => Promise<unknown>)[] = [];
process.on('exit', () => {
  for (const end of children) void end();
});
t.teardown(async () => {
  await Promise.all(children.map((end) => end()));
  rmSync(files, { recursive: true, force: true });
  await instance.stop();
});

const proxyPort = await freePort();
cpSync(quickstart, files, { recursive: true });
edit('10-domains.yaml', (text) => text.replace('127.0.0.1:3080', `127.0.0.1:${proxyPort}`));
edit('00-tenant.yaml', (text) => text.replace('3000-3999', `'${proxyPort}'`));

function edit(name: string, change: (text: string) => string): void {
  writeFileSync(join(files, name), change(readFileSync(join(files, name), 'utf8')));
}

async function wcpctl(...argv: readonly string[]): Promise<string> {
  const ended = await instance.wcpctl(argv);
  if (ended.exitCode !== 0) throw new Error(`wcpctl ${argv.join(' ')}: ${ended.stderr}`);
  return ended.stdout;
}

async function get(kind: string, name: string): Promise<KubeObject & Record<string, any>> {
  return JSON.parse(await wcpctl('get', kind, name, '-n', namespace, '-o', 'json'));
}

async function statusOf(hostname: string, path = '/'): Promise<number> {
  return (await instance.http(hostname, path)).status;
}

async function fillSites(): Promise<void> {
  for (const domain of ['hello', 'php'])
    for (const name of readdirSync(join(quickstart, 'sites', domain)))
      await instance.place(
        namespace,
        `domains/${domain}/public/${name}`,
        readFileSync(join(quickstart, 'sites', domain, name), 'utf8'),
      );
}

/** The example's program as the tenant, on a port of the test's own. */
async function startProgram(): Promise<void> {
  const uid = await instance.uidOf(namespace);
  const program = spawn(join(instance.directory, 'lib/node'), ['-'], {
    uid,
    gid: uid,
    env: { PORT: String(proxyPort) },
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  program.stdin.end(readFileSync(join(quickstart, 'sites/proxy/server.js')));
  const ended = new Promise((resolve) => program.once('exit', resolve));
  const end = (): Promise<unknown> => {
    program.kill('SIGKILL');
    return ended;
  };
  children.push(end);
  await until(() => isListening(proxyPort), 'the program behind the proxy');
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Has the Domains looked at now: what failed for want of the program is tried again ever more seldom. */
async function lookAgain(): Promise<void> {
  const request = `${ANNOTATIONS.requestedAt}=${new Date().toISOString()}`;
  const domains = ['hello', 'php', 'proxy', 'old'].map((name) => `domain/${name}`);
  await wcpctl('annotate', ...domains, request, '--overwrite', '-n', namespace);
}

const allReady = (): Promise<string> =>
  wcpctl('wait', 'domain', '--all', '-n', namespace, '--for=condition=Ready', '--timeout=90s');

await t.test('the quick start is one apply, and its four sites and two databases answer', async (t) => {
  await wcpctl('apply', '-f', files);
  for (const domain of ['hello', 'php', 'proxy', 'old'])
    await wcpctl('wait', `domain/${domain}`, '-n', namespace, '--for=condition=Placed', '--timeout=90s');
  await until(() => stat(join(instance.directory, 'tenants', namespace, 'domains/php/public')), 'the directories');
  await fillSites();
  await startProgram();
  await lookAgain();
  await allReady();
  await shown(t);
  const listed = await wcpctl('get', 'tenants,domains', '-n', namespace);
  t.match(listed, /php +True +php\.localhost/);
  t.match(await wcpctl('get', 'host', 'local', '-o', 'json'), /"8\.2"/);
});

async function shown(t: Test): Promise<void> {
  const uid = await instance.uidOf(namespace);
  const hello = await instance.http('hello.localhost');
  t.equal(hello.status, 200);
  t.equal(hello.body, readFileSync(join(quickstart, 'sites/hello/index.html'), 'utf8'));
  t.match((await instance.http('hello.localhost', '/style.css')).headers['content-type'], /text\/css/);
  const php = await instance.http('php.localhost');
  t.equal(php.status, 200);
  t.match(php.body, new RegExp(`User id of this process</th><td>${uid}<`));
  t.match(php.body, /PHP version<\/th><td>8\.2\./);
  t.match(php.body, /Hello from a variable in the manifest/);
  t.match(await databasesPage(), /PostgreSQL 15.*visit number \d[^]*MariaDB.*10\.11.*visit number \d/);
  const proxy = await instance.http('proxy.localhost');
  t.equal(proxy.status, 200);
  t.match(proxy.body, new RegExp(`User id of this process</th><td>${uid}<`));
  const old = await instance.http('old.localhost', '/a?b=c');
  t.equal(old.status, 301);
  t.equal(old.headers.location, 'http://hello.localhost/a?b=c');
  t.equal(await statusOf('nobody.localhost'), 421, 'a name that nobody has');
}

/** Once both servers let PHP in. */
async function databasesPage(): Promise<string> {
  const look = async (): Promise<string | undefined> => {
    const { status, body } = await instance.http('php.localhost', '/databases.php');
    return status === 200 ? body : undefined;
  };
  return await until(look, 'the page that uses both databases', 60_000);
}

await t.test('a private instance says that nobody enforces limits', async (t) => {
  const host = await get('host', 'local');
  t.equal(host['status'].capabilities.limitsEnforced, false);
  t.match(conditionOf(host, 'LimitsEnforced'), { status: 'False', reason: 'LimitsNotEnforced' });
});

await t.test('a second up finds everything running and starts nothing', async (t) => {
  const before = await instance.services();
  const start = performance.now();
  const ended = await instance.up();
  t.equal(ended.exitCode, 0, ended.stderr);
  t.comment(`${Math.round(performance.now() - start)} ms`);
  const after = await instance.services();
  for (const [name, { pid }] of before) if (name !== 'supervisor') t.equal(after.get(name)?.pid, pid, name);
  await shown(t);
});

await t.test('another build takes the place of our programs, and no visitor notices', async (t) => {
  const before = await instance.services();
  writeFileSync(join(instance.directory, 'lib/programs/wcpd.mjs'), '\n// another\n', { flag: 'a' });
  const answers = new Set<number>();
  const up = instance.up();
  for (let isOver = false; !isOver; answers.add(await statusOf('hello.localhost')))
    isOver = await Promise.race([up.then(() => true), delay(10, false)]);
  t.equal((await up).exitCode, 0, (await up).stderr);
  t.same([...answers], [200]);
  const after = await instance.services();
  const ownServer = testServer === 'wcp360';
  const replaced = [...(ownServer ? ['server'] : []), 'controller', 'agent'];
  for (const name of replaced) t.not(after.get(name)?.pid, before.get(name)?.pid, name);
  for (const name of [...(ownServer ? ['etcd'] : []), 'nginx'])
    t.equal(after.get(name)?.pid, before.get(name)?.pid, name);
  await allReady();
});

await t.test('applying the same again writes nothing, and diff finds nothing', async (t) => {
  const versions = async (): Promise<readonly unknown[]> =>
    (await Promise.all(['hello', 'php', 'old'].map((name) => get('domain', name)))).map(
      ({ metadata }) => metadata.resourceVersion,
    );
  const before = await versions();
  const applied = await wcpctl('apply', '-f', files);
  t.notMatch(applied, /configured|created/);
  t.same(await versions(), before);
  const diff = await instance.wcpctl(['diff', '-f', files]);
  t.same([diff.exitCode, diff.stdout, diff.stderr], [0, '', '']);
});

await t.test(
  'diff shows the fields that change and what the host would do, changes nothing, and exits with 1',
  async (t) => {
    const path = join(files, 'alias.yaml');
    writeFileSync(path, aDomain('hello', ['  hostname: hello.localhost', '  aliases: [hallo.localhost]']));
    const before = await get('domain', 'hello');
    const diff = await instance.wcpctl(['diff', '-f', path]);
    t.equal(diff.exitCode, 1, diff.stderr);
    t.match(diff.stdout, /\+ +- hallo\.localhost/);
    t.match(diff.stdout, /domain\.host|host\/local/, 'the host answers');
    t.match(diff.stdout, /site\S* .*hallo\.localhost|hallo\.localhost/);
    t.equal((await get('domain', 'hello')).metadata.resourceVersion, before.metadata.resourceVersion);
    t.equal(await statusOf('hallo.localhost'), 421);
    await wcpctl('apply', '-f', path, '--wait');
    t.equal(await statusOf('hallo.localhost'), 200, 'after the apply it is so');
    await wcpctl('apply', '-f', files.concat('/10-domains.yaml'), '--wait');
    t.equal(await statusOf('hallo.localhost'), 421);
    rmSync(path);
    t.equal((await wcpctl('get', 'planrequests', '-A', '-o', 'name')).trim(), '', 'no request is left');
  },
);

function aDomain(name: string, spec: readonly string[]): string {
  return [
    'apiVersion: hosting.wcp360.io/v1alpha1',
    'kind: Domain',
    `metadata: { name: ${name}, namespace: ${namespace} }`,
    'spec:',
    ...spec,
    '',
  ].join('\n');
}

const record = join(instance.directory, 'front/sites/hello.localhost');

async function recordText(): Promise<string> {
  return readFile(record, 'utf8').catch(() => '');
}

await t.test('what somebody edits or deletes by hand on the host is put right again', async (t) => {
  const wanted = await recordText();
  await rm(record);
  await until(async () => (await recordText()) === wanted, 'the deleted record');
  await writeFile(record, wanted.replace('"tenant":"quickstart"', '"tenant":"other"'));
  await until(async () => (await recordText()) === wanted, 'the edited record');
  t.equal(await statusOf('hello.localhost'), 200);
  t.match(await wcpctl('events', '-n', namespace, '--for', 'domain/hello'), /put-site/);
});

await t.test('under Warn and Observe a change by hand stays, and under Warn it is told', async (t) => {
  const follow = async (policy: string): Promise<void> => {
    await wcpctl('patch', 'domain', 'hello', '-n', namespace, '-p', JSON.stringify({ spec: { drift: policy } }));
    await until(async () => {
      const { metadata, status } = await get('domain', 'hello');
      return status?.observedGeneration === metadata.generation;
    }, `${policy} to be seen`);
  };
  for (const policy of ['Warn', 'Observe']) {
    await follow(policy);
    await until(async () => (await recordText()) !== '', 'the record');
    const before = await recordText();
    await writeFile(record, before.replace('"compress":true', '"compress":false'));
    const edited = await recordText();
    t.not(edited, before);
    if (policy === 'Warn')
      await until(async () => conditionOf(await get('domain', 'hello'), 'Drifted')?.['status'] === 'True', 'the word');
    await delay(700);
    t.equal(await recordText(), edited, `${policy} leaves it`);
    t.equal(await statusOf('hello.localhost'), 200);
    await writeFile(record, before);
  }
  await follow('Enforce');
  await rm(record);
  await until(async () => (await statusOf('hello.localhost')) === 200, 'the site, now that it is enforced');
  await allReady();
});

await t.test('a suspended tenant answers 503 under every name, and comes back as it was', async (t) => {
  await wcpctl('tenant', 'suspend', namespace, '--reason', 'Billing', '--message', 'Invoice 42 is overdue.');
  const hosts = ['hello', 'php', 'proxy', 'old'].map((name) => `${name}.localhost`);
  for (const host of hosts) await until(async () => (await statusOf(host)) === 503, `${host} to be suspended`);
  t.match((await instance.http('hello.localhost')).body, /Invoice 42 is overdue\./);
  await until(async () => {
    const services = await instance.services();
    return ![...services.keys()].some((name) => name.startsWith('php-quickstart'));
  }, 'PHP to end');
  t.match(await instance.wcpctl(['get', 'tenant', namespace]), { stdout: /true/ });
  await wcpctl('tenant', 'resume', namespace);
  for (const host of hosts) await until(async () => (await statusOf(host)) < 400, `${host} to be back`);
  await shown(t);
  await allReady();
});

const kept = (): Promise<string> => wcpctl('get', 'retaineddata', '-o', 'name');
const keptDirectory = join(instance.directory, 'kept');

await t.test(
  'a deleted Domain is served no more, its files are kept, and come back when it is declared again',
  async (t) => {
    await instance.place(namespace, 'domains/hello/public/mine.txt', 'only here');
    await wcpctl('delete', 'domain', 'hello', '-n', namespace);
    t.ok([404, 421].includes(await statusOf('hello.localhost')));
    t.equal(await statusOf('php.localhost'), 200, 'others go on');
    t.match(await kept(), /^retaineddata/);
    await t.rejects(stat(join(instance.directory, 'tenants', namespace, 'domains/hello')));
    const again = await instance.wcpctl(['apply', '-f', files, '--wait']);
    t.equal(again.exitCode, 0, again.stderr);
    t.equal((await instance.http('hello.localhost', '/mine.txt')).body, 'only here');
    await until(async () => (await kept()).trim() === '', 'nothing to be kept any more');
  },
);

await t.test('deleting what is kept purges it for good', async (t) => {
  await wcpctl('delete', 'domain', 'hello', '-n', namespace);
  const name = (await kept()).trim();
  t.match(name, /^retaineddata\S*$/);
  const inside = (): readonly string[] => readdirSync(keptDirectory, { recursive: true }).map(String);
  t.ok(
    inside().some((path) => path.endsWith('mine.txt')),
    'the file lies there',
  );
  await wcpctl('delete', 'retaineddata', '--all');
  await until(() => !inside().some((path) => path.endsWith('mine.txt')), 'the purge');
  await wcpctl('apply', '-f', files, '--wait');
  t.equal(await statusOf('hello.localhost', '/mine.txt'), 404, 'declared again it begins empty');
  t.match((await instance.http('hello.localhost')).body, /waits for its first file/);
});

await t.test('plain kubectl brings the quick start up, too, and takes it down', async (t) => {
  const kubectl = await openKubectl(instance.kubeconfig);
  const run = async (...argv: readonly string[]): Promise<string> => {
    const ended = await kubectl.run(argv);
    const found = ended.exitCode === 0 ? '' : (await kubectl.run(['get', 'hosting', '-A', '-o', 'yaml'])).stdout;
    t.equal(ended.exitCode, 0, `kubectl ${argv.join(' ')}: ${ended.stderr}${found}`);
    return ended.stdout;
  };
  // The namespace, which is deleted first, takes with it what comes later in the files.
  await run('delete', '-f', files, '--ignore-not-found', '--wait=true', '--timeout=120s');
  t.ok([404, 421].includes(await statusOf('php.localhost')));
  t.notOk(readdirSync(join(instance.directory, 'tenants')).includes(namespace), 'its directory is gone');
  // While the quota of the new namespace is being counted a Kubernetes refuses what it limits.
  await until(async () => (await kubectl.run(['apply', '-f', files])).exitCode === 0, 'everything to be taken');
  await run('wait', 'domain/php', '-n', namespace, '--for=condition=Placed', '--timeout=90s');
  await run('wait', 'domain/old', '-n', namespace, '--for=condition=Ready', '--timeout=90s');
  t.equal(await statusOf('old.localhost'), 301);
  await until(() => stat(join(instance.directory, 'tenants', namespace, 'domains/php/public')), 'the directories');
  await fillSites();
  await Promise.all(children.map((end) => end()));
  await startProgram();
  await lookAgain();
  await run('wait', 'domain', '--all', '-n', namespace, '--for=condition=Ready', '--timeout=90s');
  await shown(t);
});

await t.test('down ends every process and mount, and the next up serves what was declared', async (t) => {
  await Promise.all(children.map((end) => end()));
  const ended = await instance.down();
  t.equal(ended.exitCode, 0, ended.stderr);
  t.same(await leftOvers(instance.directory), []);
  await t.rejects(instance.http('hello.localhost'));
  const up = await instance.up();
  t.equal(up.exitCode, 0, up.stderr);
  await until(async () => (await statusOf('hello.localhost')) === 200, 'the site');
  t.equal(await statusOf('php.localhost'), 200);
});
