import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t, { type Test } from 'tap';
import type { ObjectKey, ResourceType } from '#runtime/client/client.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { databaseKind, databaseUserKind } from '#schemas/index.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { openBrowser } from '#test/lab/browser.ts';
import { until } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { run } from '#test/lab/run.ts';
import { tenantFiles } from '#test/lab/tenant-files.ts';
import { visit, type Visit } from '#test/lab/visit.ts';
import {
  aDomain,
  declare,
  declareSite,
  declareStaticSite,
  declareTenant,
  domainType,
  hostType,
  packageType,
  secretType,
  tenantType,
} from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

const checkout = join(import.meta.dirname, '../../..');
const directory = '/srv/wcp360';
const units = ['etcd', 'server', 'definitions', 'controller', 'agent'].map((name) => `wcpd-${name}.service`);
const tenants = tenantFiles(directory);
const [databaseType, userType] = [resourceTypeOf(databaseKind), resourceTypeOf(databaseUserKind)];

async function must(argv: readonly string[]): Promise<string> {
  const ended = await run(argv);
  if (ended.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

/** A property of a unit, in systemd's own spelling. */
async function property(unit: string, name: string): Promise<string> {
  return (await must(['/usr/bin/systemctl', 'show', `--property=${name}`, '--value', '--', unit])).trim();
}

/** Names of the units of this pattern that systemd knows. */
async function unitsLike(pattern: string): Promise<readonly string[]> {
  const lines = await must(['/usr/bin/systemctl', 'list-units', '--all', '--plain', '--no-legend', '--', pattern]);
  return lines.split('\n').flatMap((line) => line.split(' ')[0] || []);
}

function http(hostname: string, path = '/'): Promise<Visit> {
  return visit(80, hostname, path, {});
}

async function served(hostname: string, body: string): Promise<void> {
  await until(async () => (await http(hostname)).body === body, `${hostname} to be served`);
}

const program = `<?php
if (isset($_GET['fork'])) {
  for ($count = 0; $count < 100 && ($programs[] = @proc_open(['sleep', '60'], [], $pipes)) !== false; $count++);
  foreach (array_filter($programs) as $each) proc_terminate($each, 9);
  exit("$count");
}
if (isset($_GET['take'])) { ini_set('memory_limit', '-1'); exit((string) strlen(str_repeat('x', 256 << 20))); }
if (isset($_GET['burn'])) { for ($end = microtime(true) + 1; microtime(true) < $end;); exit('burnt'); }
echo 'of php';`;

await t.test('what the guide says installs and starts it', async (t) => {
  const [, block = ''] =
    /^```sh\n(.*?)^```/ms.exec(readFileSync(join(checkout, 'docs/guides/real-host.md'), 'utf8')) ?? [];
  const lines = block.trim().split('\n');
  t.match(lines[0], /hack\/install/);
  for (const line of lines) await must(['/bin/bash', '-c', `cd "$0" && ${line.replace(/^sudo /, '')}`, checkout]);
});

const client = createClient({ ...(await loadKubeconfig({ path: '/etc/wcp360/admin.kubeconfig' })), userAgent: 'lab' });
t.teardown(() => client.close());

await t.test('the host joins and says that limits hold', async (t) => {
  const host = await until(async () => {
    const found = await client.get(resourceTypeOf(hostKind), { name: 'web1' });
    return conditionOf(found, 'Ready')?.['status'] === 'True' ? found : undefined;
  }, 'the host to be Ready');
  t.match(conditionOf(host, 'LimitsEnforced'), { status: 'True', reason: 'LimitsEnforced' });
});

await t.test('units are without fault, and keep their programs from what these do not need', async (t) => {
  for (const unit of units) {
    const verified = await run(['/usr/bin/systemd-analyze', 'verify', '--man=no', `/etc/systemd/system/${unit}`]);
    t.strictSame(`${verified.exitCode} ${verified.stderr}`, '0 ', unit);
    // In tenths; 100 is what a unit without any such setting has.
    const threshold = unit === 'wcpd-agent.service' ? '30' : '12';
    const secure = await run(['/usr/bin/systemd-analyze', 'security', '--no-pager', `--threshold=${threshold}`, unit]);
    t.equal(secure.exitCode, 0, `${unit}: ${secure.stdout.split('\n').at(-2)}`);
  }
});

await t.test('keys are for root, and each program reads its own only', async (t) => {
  for (const path of globSync('/etc/wcp360/**/*.{key,kubeconfig}'))
    t.not((await tenantLike(['/bin/cat', path])).exitCode, 0, path);
  const pid = await property('wcpd-controller.service', 'MainPID');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  t.notMatch(status, /Uid:\t0\t/);
  t.match(status, /CapEff:\t0+\n/);
  t.match(status, /NoNewPrivs:\t1/);
});

function tenantLike(argv: readonly string[]): ReturnType<typeof run> {
  return run(['/usr/bin/setpriv', '--reuid=20000', '--regid=20000', '--clear-groups', '--', ...argv]);
}

let slice = '';
let php = '';

await t.test('sites are served by nginx and PHP as units, and PHP counts in the slice of its tenant', async (t) => {
  await declareTenant(client, 'acme', { limits: { domains: 10, processes: 16, memory: '96Mi', cpu: '250m' } });
  await declareStaticSite({ directory, ...tenants }, client, { domain: aDomain('acme', 'static'), page: 'of static' });
  await declareSite(client, aDomain('acme', 'php', { php: {} }));
  await tenants.place('acme', 'domains/php/public/index.php', program);
  await served('static.acme.test', 'of static');
  await served('php.acme.test', 'of php');
  for (const unit of ['wcp360-nginx.service', 'wcp360-keys.service'])
    t.equal(await property(unit, 'ActiveState'), 'active', unit);
  const found = await unitsLike('wcp360-php-*');
  t.equal(found.length, 1);
  php = found[0] ?? '';
  slice = `wcp360-${await tenants.uidOf('acme')}.slice`;
  t.equal(await property(php, 'Slice'), slice);
  t.match(await property(php, 'ControlGroup'), `/wcp360.slice/${slice}/`);
});

const wcpctl = (...argv: readonly string[]): readonly string[] => [
  ...['/usr/local/bin/wcpctl', '--kubeconfig=/etc/wcp360/admin.kubeconfig'],
  ...argv,
];
const inSite = (...command: readonly string[]): readonly string[] =>
  wcpctl('exec', '-n', 'acme', 'php', '--', ...command);

/** Programs that people have asked for. */
const programs = (): Promise<readonly string[]> => unitsLike('run-*.service');

/** A program that runs until the test is over, and its unit. */
async function beginInSite(t: Test): Promise<{ readonly child: ChildProcess; readonly unit: string }> {
  const [program = '', ...args] = inSite('sleep', '600');
  const child = spawn(program, args, { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  const unit = await until(async () => (await programs())[0], 'its unit');
  return { child, unit };
}

await t.test('shells, logs and copies run as the tenant in its sandbox, in its slice, under its limits', async (t) => {
  await until(async () => await must(inSite('echo', 'here')), 'the agent to be reached');
  const script = 'id -u; pwd; ls /srv/wcp360/tenants; ls /etc/wcp360; exit 7';
  const ended = await run(inSite('sh', '-c', script));
  const uid = await tenants.uidOf('acme');
  t.match(ended, { exitCode: 7, stdout: `${uid}\n${directory}/tenants/acme/domains/php\nacme\n`, stderr: /wcp360/u });
  const odd = ['${HOME}', '$HOME', '%h', '', 'two\nlines', ''];
  t.equal(await must(inSite('printf', '<%s>', ...odd)), odd.map((word) => `<${word}>`).join(''), 'word by word');
  const { child, unit } = await beginInSite(t);
  t.equal(await property(unit, 'Slice'), slice);
  t.match(await property(unit, 'ControlGroup'), `/wcp360.slice/${slice}/`);
  child.kill('SIGKILL');
  await until(async () => (await programs()).length === 0, 'it to end with whoever asked for it');
  const many = await run(inSite('bash', '-c', 'for count in {1..40}; do sleep 60 & done'));
  t.match(many, { stderr: /fork/u }, 'no more processes than the package grants');
  const terminal = inSite('test', '-t', '0').toSpliced(3, 0, '-it');
  t.equal((await run(['/usr/bin/script', '-qec', terminal.join(' '), '/dev/null'])).exitCode, 0, 'a terminal');
  t.match(await must(wcpctl('logs', '-n', 'acme', 'php')), 'GET / HTTP');
  await must(wcpctl('cp', '-n', 'acme', '/etc/debian_version', 'php:public/copied'));
  t.equal((await http('php.acme.test', '/copied')).body, readFileSync('/etc/debian_version', 'utf8'));
  t.same(await programs(), []);
});

await t.test('a client of a database is a unit in the slice of its tenant, and ends with its session', async (t) => {
  const authority = await createLabAuthority();
  const names = { namespace: 'acme', name: 'shop' };
  const apiVersion = 'hosting.wcp360.io/v1alpha1';
  const isReady = async (type: ResourceType, key: ObjectKey, condition: string): Promise<unknown> =>
    await until(
      async () => conditionOf(await client.get(type, key), condition)?.['status'] === 'True',
      `${key.name} to be ${condition}`,
    );
  const engine = { spec: { engine: 'PostgreSQL' } };
  await declare(client, databaseType, { apiVersion, kind: 'Database', metadata: names, ...engine });
  const spec = { databases: [{ name: 'shop' }], secretName: 'shop-db' };
  await declare(client, userType, { apiVersion, kind: 'DatabaseUser', metadata: names, spec });
  await isReady(userType, names, 'Ready');
  await declare(client, secretType, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'wcp360-system', name: 'panel-tls' },
    type: 'kubernetes.io/tls',
    stringData: await authority.site(['panel.localhost']),
  });
  const panel = { hostname: 'panel.localhost', tls: { secretRef: { name: 'panel-tls' } }, databaseClient: 'Adminer' };
  await declare(client, hostType, { apiVersion, kind: 'Host', metadata: { name: 'web1' }, spec: { panel } });
  await isReady(hostType, { name: 'web1' }, 'PanelServed');

  const [url = ''] = (await must(wcpctl('db', 'web', 'shop', '-n', 'acme'))).split('\n');
  t.match(url, /^https:\/\/panel\.localhost\/databases\/enter#/);
  const browser = openBrowser({ hostname: panel.hostname, port: 443, ca: authority.ca });
  const origin = 'https://panel.localhost:443';
  const entered = await browser.post('/databases/enter', url.split('#')[1] ?? '', { origin });
  t.equal(entered.status, 204, entered.text);
  const page = await browser.get('/databases/?ns=public&sql=');
  t.match(page.text, /Logout/, `${page.status}`);
  const [unit = ''] = await unitsLike('wcp360-adminer-*');
  t.equal(await property(unit, 'Slice'), slice);
  await browser.get('/databases/leave');
  await until(async () => (await unitsLike('wcp360-adminer-*')).length === 0, 'it to end');
});

await t.test('a shell ends with the agent, and leaves nothing', async (t) => {
  await beginInSite(t);
  await must(['/usr/bin/systemctl', 'kill', '--signal=KILL', 'wcpd-agent.service']);
  await until(async () => (await programs()).length === 0, 'its unit to be gone');
  await until(async () => await must(inSite('echo', 'here')), 'the next agent to be reached');
  t.pass();
});

await t.test('no more processes than the package grants: a fork is refused', async (t) => {
  t.equal(await property(slice, 'TasksMax'), '16');
  const { body } = await http('php.acme.test', '/?fork');
  t.ok(Number(body) > 5 && Number(body) < 16, `${body} beside those of PHP itself`);
  await served('php.acme.test', 'of php');
});

await t.test('no more memory: the request that takes it ends, and the site goes on', async (t) => {
  t.equal(await property(slice, 'MemoryMax'), String(96 << 20));
  const pid = await property(php, 'MainPID');
  t.equal((await http('php.acme.test', '/?take')).status, 502);
  await served('php.acme.test', 'of php');
  t.equal(await property(php, 'MainPID'), pid, 'its master, too');
});

await t.test('no more processor time: whoever burns it waits', async (t) => {
  t.equal(await property(slice, 'CPUQuotaPerSecUSec'), '250ms');
  t.equal((await http('php.acme.test', '/?burn')).body, 'burnt');
  const group = await property(slice, 'ControlGroup');
  const path = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup'].find((top) =>
    existsSync(`${top}${group}/cpu.stat`),
  );
  const throttled = /^nr_throttled (\d+)$/m.exec(readFileSync(`${path}${group}/cpu.stat`, 'utf8'))?.[1];
  t.ok(Number(throttled) > 0, `${throttled} periods`);
});

await t.test('another package holds at once, for what runs', async (t) => {
  const pid = await property(php, 'MainPID');
  const spec = { limits: { domains: 10, processes: 40 } };
  await declare(client, packageType, { ...named('acme'), kind: 'Package', spec });
  await until(async () => (await property(slice, 'TasksMax')) === '40', 'the new limit');
  t.strictSame(
    [await property(slice, 'MemoryMax'), await property(slice, 'CPUQuotaPerSecUSec')],
    ['infinity', 'infinity'],
  );
  t.ok(Number((await http('php.acme.test', '/?fork')).body) > 16);
  t.equal(await property(php, 'MainPID'), pid, 'nothing was started anew');
});

function named(name: string) {
  return { apiVersion: 'hosting.wcp360.io/v1alpha1', metadata: { name } };
}

/** This moment, as journalctl takes it. */
async function now(): Promise<string> {
  return (await must(['/usr/bin/date', '+%F %T.%6N'])).trim();
}

/** What the agent has said since a moment. */
async function saidSince(moment: string): Promise<readonly string[]> {
  await must(['/usr/bin/journalctl', '--sync']);
  const lines = await must(['/usr/bin/journalctl', '--unit=wcpd-agent', '--output=cat', `--since=${moment}`]);
  return lines.split('\n');
}

async function runningPids(): Promise<readonly string[]> {
  return [await property('wcp360-nginx.service', 'MainPID'), await property(php, 'MainPID')];
}

for (const [how, argv] of [
  ['restarted', ['/usr/bin/systemctl', 'restart', 'wcpd-agent.service']],
  ['killed', ['/usr/bin/systemctl', 'kill', '--signal=KILL', 'wcpd-agent.service']],
  ['restarted with everything else', ['/usr/bin/systemctl', 'restart', 'wcp360.target']],
] as const) {
  await t.test(
    `an agent that is ${how} finds all as it was: sites are served on, and nothing is planned`,
    async (t) => {
      const [pids, moment] = [await runningPids(), await now()];
      const before = await property('wcpd-agent.service', 'InvocationID');
      let isDone = false;
      const restart = must(argv).finally(() => (isDone = true));
      const answers = new Set<string>();
      for (let visits = 0; !isDone || visits < 20; visits += 1)
        for (const name of ['static', 'php']) answers.add(`${name}: ${(await http(`${name}.acme.test`)).body}`);
      await restart;
      t.strictSame([...answers], ['static: of static', 'php: of php']);
      await until(async () => {
        const isOther = (await property('wcpd-agent.service', 'InvocationID')) !== before;
        return isOther && (await saidSince(moment)).some((line) => line.includes('"msg":"controllers start"'));
      }, 'the agent to work again');
      // A change that comes after all that the new agent had to look at.
      const domain = aDomain('acme', 'static', {
        headers: [{ name: 'X-After', value: how }],
      });
      await declareSite(client, domain);
      const actions = (await saidSince(moment)).filter((line) => line.includes('"msg":"action done"'));
      t.equal(actions.length, 1, actions.join('\n'));
      t.match(actions[0], /"op":"put-site"/);
      t.strictSame(await runningPids(), pids);
    },
  );
}

await t.test('after a boot, when nothing of units and limits is left, all is as declared', async (t) => {
  await must(['/usr/bin/systemctl', 'stop', 'wcp360.target', 'wcp360-*.service', 'wcp360.slice']);
  t.strictSame(await unitsLike('wcp360-*.service'), []);
  for (const path of globSync('/run/systemd/{system,system.control}/wcp360*')) rmSync(path, { recursive: true });
  await must(['/usr/bin/systemctl', 'daemon-reload']);
  await must(['/usr/bin/systemctl', 'start', 'wcp360.target']);
  await served('static.acme.test', 'of static');
  await served('php.acme.test', 'of php');
  await until(async () => (await property(slice, 'TasksMax')) === '40', 'the limit');
  t.equal(await property(php, 'Slice'), slice);
});

await t.test('preparing again renews what is asked for, and leaves keys and settings of people alone', async (t) => {
  writeFileSync(
    '/etc/wcp360/server.yaml',
    readFileSync('/etc/wcp360/server.yaml', 'utf8').concat("listen: '[::]:6443'\n"),
  );
  const kept = globSync('/etc/wcp360/{*.yaml,*.kubeconfig,pki/*.key,pki/etcd/*}').filter(
    (path) => !path.endsWith('/server.key'),
  );
  const texts = (): readonly string[] => kept.map((path) => readFileSync(path, 'utf8'));
  const before = texts();
  await must(['/usr/local/bin/wcpd', 'prepare', '--host-name', 'web1', '--server-names', 'api.example.net']);
  t.strictSame(texts(), before);
  await must(['/usr/bin/systemctl', 'restart', 'wcpd-server.service']);
  const options = {
    ca: readFileSync('/etc/wcp360/pki/ca.crt'),
    servername: 'api.example.net',
    host: '::1',
    port: 6443,
  };
  await until(async () => {
    const socket = connect(options);
    await once(socket, 'secureConnect');
    socket.destroy();
    return true;
  }, 'the server under its new name');
  t.pass();
});

await t.test('an agent that cannot work says why, and works as soon as it can; sites are served on', async (t) => {
  const path = '/etc/wcp360/agent.yaml';
  const settings = readFileSync(path, 'utf8');
  writeFileSync(path, `${settings}frontAddresses: [192.0.2.1]\n`);
  const moment = await now();
  await must(['/usr/bin/systemctl', 'restart', 'wcpd-agent.service']);
  await until(async () => Number(await property('wcpd-agent.service', 'NRestarts')) > 1, 'systemd to try again');
  t.match((await saidSince(moment)).join('\n'), /nginx refuses its configuration: .*192\.0\.2\.1/);
  t.equal((await http('static.acme.test')).body, 'of static');
  writeFileSync(path, settings);
  await until(async () => (await saidSince(moment)).some((line) => line.includes('"msg":"controllers start"')), 'work');
});

await t.test('nginx is back whenever it is killed, however often', async (t) => {
  for (let times = 0; times < 7; times += 1) {
    const pid = await property('wcp360-nginx.service', 'MainPID');
    killProcess(pid);
    await until(async () => !['0', pid].includes(await property('wcp360-nginx.service', 'MainPID')), 'another nginx');
  }
  await served('static.acme.test', 'of static');
  t.pass();
});

await t.test('PHP that was killed is started by the next visit', async (t) => {
  // Where nobody has asked for a while it has ended by itself.
  const pid = await until(async () => {
    await served('php.acme.test', 'of php');
    const found = await property(php, 'MainPID');
    return found === '0' ? undefined : found;
  }, 'a master');
  killProcess(pid);
  await until(async () => {
    await served('php.acme.test', 'of php');
    return !['0', pid].includes(await property(php, 'MainPID'));
  }, 'another master');
  t.pass();
});

await t.test('what is deleted leaves no unit and no slice', async (t) => {
  for (const name of ['php', 'static']) await client.delete(domainType, { namespace: 'acme', name });
  await until(
    async () => (await client.list(domainType, { namespace: 'acme' })).items.length === 0,
    'the Domains to be gone',
  );
  t.strictSame(await unitsLike('wcp360-php-*'), []);
  t.strictSame(globSync('/run/systemd/system/wcp360-php-*'), []);
  await client.delete(tenantType, { name: 'acme' });
  await until(async () => (await client.get(tenantType, { name: 'acme' })) === undefined, 'the tenant to be gone');
  t.strictSame(globSync('/run/systemd/system.control/wcp360-*'), []);
  t.strictSame(await unitsLike('wcp360-*.slice'), []);
});
