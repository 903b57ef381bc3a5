import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { isRecord } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import { run, startInstance, until, type Visit } from '#test/lab/instance.ts';
import { testServer } from '#test/lab/test-servers.ts';
import { aDomain, declare, declareSite, declareStaticSite, declareTenant, domainType } from '#test/lab/tenants.ts';

const instance = await startInstance();
const files = mkdtempSync(join(tmpdir(), 'wcp360-isolation-'));
t.teardown(async () => {
  rmSync(files, { recursive: true, force: true });
  await instance.stop();
});

const root = '/srv/wcp360';
const canary = 'canary-of-beta-7d1f';
const client = await instance.client();
const everyPort = {
  proxyTargets: [
    { cidr: '127.0.0.0/8', ports: '1-65535' },
    { cidr: '::1/128', ports: '1-65535' },
  ],
};
await declareTenant(client, 'alpha', everyPort);
await declareTenant(client, 'beta');
await declareSite(client, aDomain('alpha', 'php', { php: {} }));
await declareSite(client, aDomain('beta', 'php', { php: {} }));
await declareStaticSite(instance, client, { domain: aDomain('alpha', 'files'), page: 'of alpha' });
await declareStaticSite(instance, client, { domain: aDomain('beta', 'files'), page: 'of beta' });
await instance.place('beta', 'domains/files/public/secret.txt', canary);
await instance.place('beta', 'domains/php/public/secret.txt', canary);
await instance.place('beta', 'tmp/secret.txt', canary);
await instance.place(
  'beta',
  'domains/php/public/index.php',
  "<?php putenv('KEPT=1'); $GLOBALS['x'] = file_get_contents(__DIR__ . '/secret.txt'); echo 'of beta';",
);

/** Lets the PHP of a tenant look: its code answers with JSON. */
async function look(tenant: string, code: string): Promise<unknown> {
  await instance.place(tenant, 'domains/php/public/look.php', `<?php ${code}`);
  const answer = await instance.http(`php.${tenant}.test`, '/look.php');
  if (answer.status !== 200) throw new Error(`look.php: ${answer.status} ${answer.body.slice(0, 500)}`);
  return JSON.parse(answer.body);
}

const readers = (path: string): string => `
  error_reporting(0);
  $path = ${JSON.stringify(path)};
  @unlink(__DIR__ . '/link');
  symlink($path, __DIR__ . '/link');
  $hard = @link($path, __DIR__ . '/hard');
  echo json_encode([
    'direct' => @file_get_contents($path),
    'link' => @file_get_contents(__DIR__ . '/link'),
    'hard' => $hard ? @file_get_contents(__DIR__ . '/hard') : false,
    'list' => @scandir(dirname($path)),
    'include' => (function () use ($path) { ob_start(); @include $path; return ob_get_clean(); })(),
    'program' => function_exists('shell_exec') ? (string) @shell_exec('cat ' . escapeshellarg($path) . ' 2>/dev/null') : '',
    'proc' => array_values(array_filter(array_map(fn($pid) => @file_get_contents("$pid/root$path"), glob('/proc/[0-9]*')))),
    'up' => @file_get_contents(__DIR__ . '/../../../../beta' . substr($path, strlen('${root}/tenants/beta'))),
  ]);`;

const secrets = ['domains/files/public/secret.txt', 'domains/php/public/secret.txt', 'tmp/secret.txt'];

await t.test('PHP of one tenant reads no file of another, by no way there is', async (t) => {
  await instance.http('php.beta.test');
  for (const secret of secrets) {
    const path = `${root}/tenants/beta/${secret}`;
    const seen = await look('alpha', readers(path));
    t.notMatch(JSON.stringify(seen), canary, secret);
  }
  // The same code where the files are the reader's own: each way works, so that what kept alpha out is not a mistake in the code.
  const own = await look('beta', readers(`${root}/tenants/beta/${secrets[1]}`));
  t.match(own, { direct: canary, link: canary, hard: canary, program: canary });
  t.match(JSON.stringify((own as { proc: unknown }).proc), canary);
});

await t.test(
  'the wall around files is made of two: without its sandbox, file permissions keep a tenant out still',
  async (t) => {
    const path = join(instance.directory, 'tenants/beta', secrets[0] ?? '');
    t.not((await instance.runAs('alpha', ['/bin/cat', path])).exitCode, 0);
    t.not((await instance.runAs('alpha', ['/bin/ls', join(instance.directory, 'tenants')])).exitCode, 0);
    t.equal((await instance.runAs('beta', ['/bin/cat', path])).stdout, canary, 'the owner may');
    t.equal((await run(['/bin/cat', path])).stdout, canary, 'and so may root: it is there');
  },
);

await t.test('PHP sees the processes, accounts and temporary files of its own tenant only', async (t) => {
  await instance.http('php.beta.test');
  const seen = await look(
    'alpha',
    `error_reporting(0);
    echo json_encode([
      'commands' => array_map(fn($path) => str_replace("\\0", ' ', @file_get_contents($path)), glob('/proc/[0-9]*/cmdline')),
      'accounts' => file_get_contents('/etc/passwd'),
      'root' => scandir('${root}'),
      'tenants' => scandir('${root}/tenants'),
      'pki' => @scandir('${root}/pki'),
      'config' => @file_get_contents('${root}/config/agent.kubeconfig'),
      'token' => @file_get_contents('${root}/front/probe-token'),
      'shadow' => @file_get_contents('/etc/shadow'),
      'uid' => posix_getuid(),
      'environment' => getenv(),
    ]);`,
  );
  if (!isRecord(seen)) throw new Error('no answer');
  t.notMatch(JSON.stringify(seen['commands']), /wcpd|etcd|nginx|beta/);
  t.equal(seen['uid'], await instance.uidOf('alpha'));
  t.same(seen['tenants'], ['.', '..', 'alpha']);
  t.same([seen['pki'], seen['config'], seen['token'], seen['shadow']], [false, false, false, false]);
  t.notMatch(String(seen['accounts']), /beta/);
  t.notMatch(JSON.stringify(seen['environment']), /WCP360|KUBE|TOKEN/);
  t.not(
    await readFile(join(instance.directory, 'front/probe-token'), 'utf8'),
    '',
    'outside of the sandbox it is there',
  );
});

await t.test('nginx serves no link that leads to a file of somebody else', async (t) => {
  const link = async (name: string, target: string): Promise<Visit> => {
    const path = join(instance.directory, 'tenants/alpha/domains/files/public', name);
    const made = await instance.runAs('alpha', ['/bin/ln', '-sfn', target, path]);
    t.equal(made.exitCode, 0, made.stderr);
    return instance.http('files.alpha.test', `/${name}`);
  };
  const foreign = `${root}/tenants/beta/domains/files/public`;
  for (const [name, target] of [
    ['direct.txt', `${foreign}/secret.txt`],
    ['relative.txt', '../../../../beta/domains/files/public/secret.txt'],
    ['passwd.txt', '/etc/passwd'],
    ['token.txt', `${root}/front/probe-token`],
    ['record.json', `${root}/front/sites/files.beta.test`],
  ] as const) {
    const answer = await link(name, target);
    t.ok([403, 404].includes(answer.status), `${name}: ${answer.status}`);
    t.notMatch(answer.body, canary);
  }
  await link('directory', foreign);
  const through = await instance.http('files.alpha.test', '/directory/secret.txt');
  t.ok([403, 404].includes(through.status), `by a directory: ${through.status}`);
  await instance.place('alpha', 'domains/files/private/own.txt', 'of alpha itself');
  const own = await link('own.txt', '../private/own.txt');
  t.same(
    [own.status, own.body],
    [200, 'of alpha itself'],
    'a link to a file of its own is served: the ownership decides',
  );
  t.equal((await instance.http('files.beta.test', '/secret.txt')).body, canary, 'nginx itself can read the file');
});

await t.test('no path leads out of a document root', async (t) => {
  const outside = ['/../private/own.txt', '/..%2fprivate/own.txt', '/%2e%2e/private/own.txt', '//../private/own.txt'];
  for (const path of [...outside, '/..%5cprivate%5cown.txt', '/.%00./private/own.txt', '/....//private/own.txt']) {
    const { status, body } = await instance.http('files.alpha.test', path);
    t.ok(status >= 400, `${path}: ${status}`);
    t.notMatch(body, 'of alpha itself');
  }
});

async function ownersClient(tenant: string): Promise<{ readonly client: Client; readonly kubeconfig: string }> {
  const ended = await instance.wcpctl(['tenant', 'kubeconfig', tenant]);
  if (ended.exitCode !== 0) throw new Error(ended.stderr);
  const kubeconfig = join(files, `${tenant}.kubeconfig`);
  writeFileSync(kubeconfig, ended.stdout, { mode: 0o600 });
  return { client: await instance.client(kubeconfig), kubeconfig };
}

const core = (resource: string, kind: string, namespaced: boolean) => ({
  group: '',
  version: 'v1',
  resource,
  kind,
  namespaced,
});
const secretType = core('secrets', 'Secret', true);

await t.test('an owner works in the own namespace and sees and changes nothing of anybody else', async (t) => {
  await declare(client, secretType, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'password', namespace: 'beta' },
    stringData: { canary },
  });
  const { client: owner, kubeconfig } = await ownersClient('alpha');
  const own = await until(() => owner.list(domainType, { namespace: 'alpha' }), 'the owner’s rights');
  t.same(own.items.map(({ metadata }) => metadata.name).toSorted(), ['files', 'php'], 'the control: the own are seen');
  const forbidden = async (what: string, attempt: Promise<unknown>): Promise<void> => {
    const answer: unknown = await attempt.then(
      (value) => value,
      (err: unknown) => err,
    );
    t.ok(isStatus(answer, 403), `${what}: ${String(answer).slice(0, 200)}`);
    t.notMatch(JSON.stringify(answer), canary, what);
  };
  await forbidden('a Domain', owner.get(domainType, { namespace: 'beta', name: 'files' }));
  await forbidden('all Domains', owner.list(domainType));
  await forbidden('a Secret', owner.get(secretType, { namespace: 'beta', name: 'password' }));
  await forbidden('all Secrets', owner.list(secretType));
  await forbidden('a write', declare(owner, domainType, aDomain('beta', 'files', { suspended: true })));
  await forbidden('a deletion', owner.delete(domainType, { namespace: 'beta', name: 'files' }));
  await forbidden('Secrets of the system', owner.list(secretType, { namespace: 'wcp360-system' }));
  await forbidden(
    'the status',
    owner.patch(
      domainType,
      { namespace: 'alpha', name: 'files' },
      { type: 'merge', body: { status: { host: 'x' } } },
      { subresource: 'status' },
    ),
  );
  await forbidden(
    'a token',
    owner.create(
      core('serviceaccounts', 'ServiceAccount', true),
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        metadata: { namespace: 'wcp360-system', name: 'agent-local' },
        spec: {},
      },
      { subresource: 'token' },
    ),
  );
  const hosting = (resource: string) => ({
    group: 'hosting.wcp360.io',
    version: 'v1alpha1',
    resource,
    kind: '',
    namespaced: false,
  });
  for (const resource of ['tenants', 'packages', 'hosts', 'hostnameclaims', 'uidclaims', 'retaineddata'])
    await forbidden(resource, owner.list(hosting(resource)));
  await forbidden('namespaces', owner.list(core('namespaces', 'Namespace', false)));
  const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: true };
  await forbidden(
    'a binding',
    owner.create({ ...rbac, resource: 'rolebindings', kind: 'RoleBinding' }, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'more', namespace: 'alpha' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'owner', namespace: 'alpha' }],
    } as never),
  );
  const plan = await instance.wcpctl(['get', 'domains', '-n', 'beta'], { kubeconfig });
  t.equal(plan.exitCode, 1);
  t.match(plan.stderr, /forbidden/i);
  t.equal((await client.get(domainType, { namespace: 'beta', name: 'files' }))?.metadata.deletionTimestamp, undefined);
  const seen = await client.get(secretType, { namespace: 'beta', name: 'password' });
  t.ok(seen, 'the administrator sees it: it is there');
});

await t.test('a reference never reaches into the namespace of another tenant', async (t) => {
  const { client: owner } = await ownersClient('alpha');
  await declare(
    owner,
    domainType,
    aDomain('alpha', 'borrower', { php: { envFrom: [{ secretRef: { name: 'password' } }] } }),
  );
  const reason = await until(async () => {
    const domain: any = await client.get(domainType, { namespace: 'alpha', name: 'borrower' });
    const ready = domain?.status?.conditions?.find(({ type }: { type: string }) => type === 'Ready');
    return ready?.reason === 'SecretNotFound' ? ready.reason : undefined;
  }, 'the word that there is no such Secret');
  t.equal(reason, 'SecretNotFound');
  await declare(
    client,
    domainType,
    aDomain('beta', 'php', { php: { envFrom: [{ secretRef: { name: 'password' } }] } }),
  );
  await until(async () => {
    const answer = await look('beta', "echo json_encode(getenv('canary'));").catch(() => undefined);
    return answer === canary;
  }, 'the control: where the Secret is the tenant’s own, it comes');
});

const portsOf = () => Object.entries(instance.ports).filter(([name]) => name !== 'http');

/** The version of the instance's own etcd, asked with a certificate. */
async function askEtcd(): Promise<string> {
  const pki = join(instance.directory, 'pki/etcd');
  const credentials = ['--cacert', `${pki}/ca.crt`, '--cert', `${pki}/client.crt`, '--key', `${pki}/client.key`];
  const url = `https://127.0.0.1:${instance.ports.etcdClient}/version`;
  return (await run(['/usr/bin/curl', '-s', ...credentials, url])).stdout;
}

await t.test('PHP reaches the ports of the instance and gets nothing but refusals', async (t) => {
  const answers = await look(
    'alpha',
    `error_reporting(0);
    $ask = function ($url, $tls = []) {
      $options = ['http' => ['ignore_errors' => true, 'timeout' => 3], 'ssl' => ['verify_peer' => false, 'verify_peer_name' => false] + $tls];
      $body = @file_get_contents($url, false, stream_context_create($options));
      return ['status' => $http_response_header[0] ?? null, 'body' => $body];
    };
    echo json_encode([
      'namespaces' => $ask('https://127.0.0.1:${instance.ports.api}/api/v1/namespaces'),
      'domains' => $ask('https://127.0.0.1:${instance.ports.api}/apis/hosting.wcp360.io/v1alpha1/domains'),
      'secrets' => $ask('https://127.0.0.1:${instance.ports.api}/api/v1/namespaces/beta/secrets'),
      'metrics' => $ask('https://127.0.0.1:${instance.ports.api}/metrics'),
      'etcd' => $ask('https://127.0.0.1:${instance.ports.etcdClient}/v3/kv/range'),
      'etcdVersion' => $ask('https://127.0.0.1:${instance.ports.etcdClient}/version'),
      'plainEtcd' => $ask('http://127.0.0.1:${instance.ports.etcdClient}/version'),
      'peer' => $ask('https://127.0.0.1:${instance.ports.etcdPeer}/members'),
    ]);`,
  );
  if (!isRecord(answers)) throw new Error('no answer');
  for (const name of ['namespaces', 'domains', 'secrets', 'metrics'])
    t.match(answers[name], { status: /40[13]/ }, `${name}: ${JSON.stringify(answers[name]).slice(0, 200)}`);
  for (const name of ['etcd', 'etcdVersion', 'peer'])
    t.match(answers[name], { body: false }, `${name}: ${JSON.stringify(answers[name]).slice(0, 200)}`);
  t.notMatch(JSON.stringify(answers['plainEtcd']), /etcdserver/);
  t.notMatch(JSON.stringify(answers), canary);
  // With what an administrator has, the very same requests are answered: the ports are there and speak.
  t.equal((await client.raw('GET', '/api/v1/namespaces/beta/secrets')).status, 200);
  if (testServer === 'wcp360') t.match(await askEtcd(), /etcdserver/);
  const open = createServer((_request, response) => response.end('an open port'));
  await new Promise<void>((resolve) => open.listen(0, '127.0.0.1', resolve));
  t.teardown(() => open.close());
  const url = `http://127.0.0.1:${(open.address() as AddressInfo).port}`;
  await declareSite(client, aDomain('alpha', 'open', { proxy: { url } }));
  t.equal((await instance.http('open.alpha.test')).body, 'an open port', 'the control: what does not refuse is shown');
});

await t.test(
  'a proxy to the ports of the instance, where a package is so careless, gets nothing but refusals',
  async (t) => {
    const targets = [
      ...portsOf().flatMap(([name, port]) => [
        [`${name.toLowerCase()}-tls`, `https://127.0.0.1:${port}`],
        [`${name.toLowerCase()}-plain`, `http://127.0.0.1:${port}`],
      ]),
    ] as const;
    for (const [name = '', url] of targets)
      await declare(client, domainType, aDomain('alpha', name, { proxy: { url } }));
    for (const [name = ''] of targets) {
      const record = join(instance.directory, 'front/sites', `${name}.alpha.test`);
      await until(() => stat(record), `the record of ${name}`);
      for (const path of [
        '/',
        '/api/v1/secrets',
        '/version',
        '/v3/kv/range',
        '/apis/hosting.wcp360.io/v1alpha1/domains',
      ]) {
        const { status, body } = await instance.http(`${name}.alpha.test`, path, {
          headers: { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' },
        });
        const isVersion = path === '/version' && name === 'api-tls';
        t.ok(status >= 400 || isVersion, `${name} ${path}: ${status}`);
        t.notMatch(body, canary);
        t.notMatch(body, /etcdserver|"items"/);
      }
    }
  },
);

await t.test('a proxy to the front itself ends, and shows nothing that its visitors would not get', async (t) => {
  await declare(
    client,
    domainType,
    aDomain('alpha', 'mirror', { proxy: { url: `http://127.0.0.1:${instance.ports.http}` } }),
  );
  await until(() => stat(join(instance.directory, 'front/sites/mirror.alpha.test')), 'its record');
  const { status } = await instance.http('mirror.alpha.test');
  t.ok(status >= 400, `a loop ends: ${status}`);
  const probe = await instance.http('mirror.alpha.test', '/.well-known/wcp360/probe');
  t.equal(probe.status, 404, 'the agent’s own path is not answered to others');
  t.equal((await instance.http('files.beta.test')).body, 'of beta', 'others go on');
});
