import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import type { Site } from '#runtime/drivers/nginx/index.ts';
import { phpFpmDriver, startWaker, type PhpPool } from '#runtime/drivers/php-fpm/index.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { aPool } from '#test/builders/sites.ts';
import { reach } from '#test/contracts/driver.ts';
import { until } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { visit } from '#test/lab/visit.ts';
import { openFrontLab, tenants } from '#test/runtime/drivers/front-lab.ts';

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: PHP runs as other users');
  process.exit();
}

const trustedProxy = '127.0.0.9';
const lab = await openFrontLab(t, { trustedProxies: [trustedProxy] });
const { ask, put, file, root, host, settings, signal } = lab;
const { phpVersions } = await host.capabilities(signal);
const version = phpVersions.at(-1) ?? '';
if (version === '') {
  t.plan(0, 'needs php-fpm');
  process.exit();
}

const secrets = { read: async () => ({ TOKEN: 'from a secret', LD_PRELOAD: '/srv/evil.so' }) };
const world = { host, secrets };
const waker = new AbortController();
await startWaker({ ...world, log: silentLogger, idleMs: 1_500 }, waker.signal);
t.teardown(() => waker.abort());

const ownerOf = (tenant: string): Owner => ({ kind: 'Domain', namespace: tenant, name: 'shop', uid: `uid-${tenant}` });
const poolOf = (tenant: keyof typeof tenants, overrides: Partial<PhpPool> = {}): PhpPool =>
  aPool(root, { tenant, uid: tenants[tenant], owner: ownerId(ownerOf(tenant)), version, ...overrides });

async function putPool(tenant: keyof typeof tenants, overrides: Partial<PhpPool> = {}): Promise<void> {
  await reach(phpFpmDriver, world, ownerOf(tenant), new Map([[`${tenant}.shop`, poolOf(tenant, overrides)]]));
}

async function putPhpSite(
  tenant: keyof typeof tenants,
  overrides: object = {},
  site: Partial<Site> = {},
): Promise<void> {
  const { socket } = poolOf(tenant);
  await put(`${tenant}.example`, {
    ...site,
    tenant,
    owner: ownerId(ownerOf(tenant)),
    serve: {
      type: 'php',
      base: `${root}/tenants/${tenant}/domains/shop`,
      root: 'public',
      frontController: 'index.php',
      denySuffixes: ['/wp-config.php', '/vendor/', '/uploads/*.php'],
      socket,
      pool: `${tenant}.shop`,
      phpValues: {},
      ...overrides,
    },
  });
}

const running = async (tenant: string): Promise<readonly string[]> =>
  (await host.services.list(signal)).filter(({ name }) => name.startsWith(`php-${tenant}.`)).map(({ name }) => name);

/** Runs PHP code as a tenant and gives what it printed. */
async function run(code: string, tenant: keyof typeof tenants = 'acme'): Promise<string> {
  file('public/run.php', `<?php ${code}`, tenant);
  const answer = await ask(`${tenant}.example`, '/run.php');
  return answer.status === 200 ? answer.body : `status ${answer.status}: ${answer.body}`;
}

for (const tenant of ['acme', 'zoo'] as const) {
  file('public/index.php', '<?php echo "index ", $_SERVER["REQUEST_URI"], " ", $_SERVER["SCRIPT_NAME"];', tenant);
  await putPool(tenant);
  await putPhpSite(tenant);
}

await t.test('a pool sleeps until the first request, which starts it and is answered', async (each) => {
  each.strictSame(await running('acme'), []);
  const began = performance.now();
  each.match(await ask('acme.example', '/'), { status: 200, body: 'index / /index.php' });
  each.comment(`first request after ${Math.round(performance.now() - began)} ms`);
  each.equal((await running('acme')).length, 1);
});

await t.test('many first requests start one master', async (each) => {
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask('zoo.example', '/')));
  each.ok(answers.every(({ status }) => status === 200));
  each.equal((await running('zoo')).length, 1);
});

await t.test('a script gets what CGI promises, and the front controller gets the rest', async (each) => {
  each.equal(
    await run(
      'echo json_encode([$_SERVER["SCRIPT_FILENAME"], $_SERVER["PATH_INFO"], $_SERVER["DOCUMENT_ROOT"], $_SERVER["HTTPS"] ?? "none"]);',
    ),
    JSON.stringify([
      `${root}/tenants/acme/domains/shop/public/run.php`,
      '',
      `${root}/tenants/acme/domains/shop/public`,
      'none',
    ]).replaceAll('/', '\\/'),
  );
  file('public/info.php', '<?php echo $_SERVER["PATH_INFO"], " ", $_GET["q"];');
  each.equal((await ask('acme.example', '/info.php/a/b?q=1')).body, '/a/b 1');
  each.equal((await ask('acme.example', '/pretty/link?x=1')).body, 'index /pretty/link?x=1 /index.php');
  file('public/style.css', 'css');
  each.match(await ask('acme.example', '/style.css'), {
    status: 200,
    body: 'css',
    headers: { 'content-type': 'text/css' },
  });
  file('public/sub/index.php', '<?php echo "sub";');
  each.equal((await ask('acme.example', '/sub/')).body, 'sub');
  each.equal((await ask('acme.example', '/sub')).status, 301);
  file('public/post.php', '<?php echo strlen(file_get_contents("php://input"));');
  each.equal((await ask('acme.example', '/post.php', { method: 'POST', body: 'x'.repeat(200_000) })).body, '200000');
});

await t.test('what a trusted proxy says of its client reaches a script', async (each) => {
  file('public/proxied.php', '<?php echo $_SERVER["HTTP_X_FORWARDED_PROTO"] ?? "nothing", $_SERVER["HTTPS"] ?? "";');
  const headers = { 'x-forwarded-proto': 'https' };
  each.equal((await ask('acme.example', '/proxied.php', { headers, localAddress: trustedProxy })).body, 'httpson');
  each.equal((await ask('acme.example', '/proxied.php', { headers })).body, 'nothing');
});

await t.test('a script hears that its visitor came by HTTPS', async (each) => {
  const code = "echo json_encode([$_SERVER['HTTPS'] ?? null, $_SERVER['REQUEST_SCHEME'], $_SERVER['SERVER_PORT']]);";
  each.strictSame(JSON.parse(await run(code)), [null, 'http', String(settings.listen[0]?.port)]);
  lab.secrets.set('acme/tls', { ...(await (await createLabAuthority()).site(['acme.example'])) });
  const secret = { namespace: 'acme', name: 'tls', resourceVersion: '1' };
  await putPhpSite('acme', {}, { tls: { secret, redirect: false } });
  const port = settings.httpsListen[0]?.port ?? 0;
  const { body } = await visit(port, 'acme.example', '/run.php', { servername: 'acme.example' });
  each.strictSame(JSON.parse(body), ['on', 'https', String(port)]);
  await putPhpSite('acme');
});

await t.test('whatever timeout a site has, its headers replace what the program said', async (each) => {
  file('public/said.php', '<?php header("X-Said: program"); echo "said";');
  for (const timeoutSeconds of [5, 60, 120, 9_999]) {
    for (const [headers, said] of [
      [{}, 'program'],
      [{ 'X-Said': 'site' }, 'site'],
    ] as const) {
      await putPhpSite('acme', {}, { timeoutSeconds, headers });
      for (const method of ['GET', 'POST'])
        each.match(await ask('acme.example', '/said.php', { method, body: method === 'POST' ? 'x' : '' }), {
          status: 200,
          body: 'said',
          headers: { 'x-said': said },
        });
    }
  }
  await putPhpSite('acme');
});

await t.test('only scripts that are there are run, and nothing that is refused', async (each) => {
  file('public/image.jpg', '<?php echo "EXECUTED";');
  file('public/wp-config.php', '<?php echo "EXECUTED";');
  file('public/vendor/lib.php', '<?php echo "EXECUTED";');
  file('public/uploads/shell.php', '<?php echo "EXECUTED";');
  file('public/.hidden/x.php', '<?php echo "EXECUTED";');
  file('outside.php', '<?php echo "EXECUTED";');
  for (const path of [
    '/missing.php',
    '/image.jpg/x.php',
    '/wp-config.php',
    '/vendor/lib.php',
    '/uploads/shell.php',
    '/uploads/shell.php/x',
    '/.hidden/x.php',
    '/../outside.php',
    '/%2e%2e/outside.php',
    '/wp-config.php%00.txt',
    '/index.php%00',
  ]) {
    const answer = await ask('acme.example', path);
    each.ok(answer.status >= 400, path);
    each.notMatch(answer.body, /EXECUTED/, path);
  }
});

await t.test('the tenant’s variables reach its PHP whatever they hold, and no program of the host', async (each) => {
  const environment = { PLAIN: 'a\nb [x] ; ${PATH}', LD_PRELOAD: '/tmp/evil.so', PHP_FPM: '"' };
  const environmentFrom = [{ namespace: 'acme', name: 'env', resourceVersion: '1' }];
  await putPool('acme', { environment, environmentFrom });
  each.equal(
    await run('echo json_encode([getenv("PLAIN"), getenv("TOKEN"), getenv("LD_PRELOAD")]);'),
    JSON.stringify(['a\nb [x] ; ${PATH}', 'from a secret', '/tmp/evil.so']).replaceAll('/', '\\/'),
  );
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const environ = readEnvironment(pid);
    if (!/(^|\0)LD_PRELOAD=\/tmp\/evil\.so/.test(environ)) continue;
    each.match(
      readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
      /php-fpm/,
      'only inside the sandbox the variable has its name',
    );
  }
  await putPool('acme');
});

await t.test('a prefix stands before each key of a Secret, and no variable takes the place of ours', async (each) => {
  const limits = { WCP_CHILDREN: '99', WCP_MEMORY: '999999999' };
  const environmentFrom = [{ namespace: 'acme', name: 'env', resourceVersion: '1', prefix: 'DB_' }];
  await putPool('acme', { environment: limits, environmentFrom });
  each.equal(
    await run('echo json_encode(array_map("getenv", ["DB_TOKEN", "TOKEN", "WCP_CHILDREN", "WCP_MEMORY"]));'),
    JSON.stringify(['from a secret', false, '4', String(128 * 1024 * 1024)]),
  );
  each.equal(await run('echo ini_get("memory_limit");'), String(128 * 1024 * 1024));
  await putPool('acme');
});

await t.test('variables that are larger than a program can be given are refused before any visit', async (each) => {
  for (const lengths of [[128 * 1024], Array.from({ length: 11 }, () => 100_000)]) {
    const environment = Object.fromEntries(lengths.map((length, index) => [`V${index}`, 'x'.repeat(length)]));
    await each.rejects(putPool('acme', { environment }), {
      reason: 'VariablesTooLarge',
      message: /a program is given/u,
    });
  }
});

await t.test('PHP reaches the sockets that its pool names, and sees nothing beside their directory', async (each) => {
  const directory = `${root}/databases/lab/run`;
  mkdirSync(directory, { recursive: true });
  for (const path of [`${root}/databases/lab/beside`, `${directory}/open`]) writeFileSync(path, 'x');
  const server = createServer((socket) => socket.end('hello'));
  await once(server.listen(`${directory}/lab.sock`), 'listening');
  for (const name of ['lab.sock', 'open']) chmodSync(`${directory}/${name}`, 0o777);
  const look = `echo json_encode([
    @stream_get_contents(@stream_socket_client('unix://${directory}/lab.sock') ?: fopen('/dev/null', 'r')),
    @scandir('${root}/databases'), @scandir('${root}/databases/lab'),
    @file_put_contents('${directory}/open', 'y'),
  ]);`;
  try {
    each.strictSame(JSON.parse(await run(look)), ['', false, false, false], 'nothing, unless it is named');
    await putPool('acme', { sockets: [directory, `${root}/databases/missing/run`] });
    each.strictSame(JSON.parse(await run(look)), ['hello', ['.', '..', 'lab'], ['.', '..', 'run'], false]);
  } finally {
    server.close();
    await putPool('acme');
  }
});

function readEnvironment(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

await t.test('php.ini values come from the record, limits from the pool', async (each) => {
  each.equal(await run('echo ini_get("memory_limit");'), '134217728');
  await putPool('acme', { settings: { memory_limit: '77M', display_errors: '1' } });
  await putPhpSite('acme', { phpValues: { memory_limit: '77M', display_errors: '1' } });
  each.equal(await run('echo ini_get("memory_limit"), ini_get("display_errors");'), '77M1');
  await putPhpSite('acme');
  await putPool('acme', { settings: {} });
  each.equal(await run('echo ini_get("memory_limit");'), '134217728', 'what is taken back is forgotten');
});

await t.test('a change replaces the master; what runs is finished by the old one, nothing is refused', async (each) => {
  const slowScript = file(
    'public/slow.php',
    '<?php touch(__DIR__ . "/begun"); usleep(700000); echo getenv("GENERATION");',
  );
  await putPool('acme', { environment: { GENERATION: 'one' } });
  each.equal(await run('echo getenv("GENERATION");'), 'one');
  const statuses: number[] = [];
  let isOver = false;
  const asking = (async () => {
    while (!isOver) statuses.push((await ask('acme.example', '/index.php')).status);
  })();
  await until(() => statuses.length > 5, 'visitors to be there');
  const slow = ask('acme.example', '/slow.php');
  await until(() => existsSync(join(dirname(slowScript), 'begun')), 'the slow one to have begun');
  await putPool('acme', { environment: { GENERATION: 'two' } });
  isOver = true;
  await asking;
  each.equal((await slow).body, 'one');
  each.equal(await run('echo getenv("GENERATION");'), 'two');
  each.ok(statuses.every((status) => status === 200));
  each.equal((await running('acme')).length, 1);
});

await t.test('a master that is killed is started again by the next request', async (each) => {
  await ask('acme.example', '/');
  const before = (await host.services.list(signal)).find(({ name }) => name.startsWith('php-acme.'));
  killProcess(before?.pid);
  // A signal is not there at once: until then the old master answers.
  for (let tries = 0; (await running('acme')).length > 0 && tries < 300; tries += 1) await delay(10);
  each.equal((await ask('acme.example', '/')).status, 200);
  each.not((await host.services.list(signal)).find(({ name }) => name.startsWith('php-acme.'))?.pid, before?.pid);
});

await t.test('errors of programs go to the domain’s log, which the tenant cannot write', async (each) => {
  await run('error_log("my own words"); echo getmypid();');
  await delay(100);
  each.match(readFileSync(`${root}/tenants/acme/logs/shop.error.log`, 'utf8'), /my own words/);
  each.notMatch(readFileSync(`${root}/front/error.log`, 'utf8'), /my own words/);
  each.equal(
    await run(
      `echo @file_put_contents(${JSON.stringify(`${root}/tenants/acme/logs/shop.error.log`)}, "x") === false ? "no" : "yes";`,
    ),
    'no',
  );
});

await t.test('PHP runs as the tenant, under its name, without any right, and with a /tmp of its own', async (each) => {
  each.equal(
    await run('echo posix_getuid(), " ", posix_getgid(), " ", posix_getpwuid(posix_getuid())["name"];'),
    '20001 20001 acme',
  );
  each.match(await run('echo file_get_contents("/proc/self/status");'), /CapEff:\s0+\n[\s\S]*NoNewPrivs:\s1/);
  each.equal(await run('echo @file_put_contents("/usr/x", "x") === false ? "no" : "yes";'), 'no');
  each.equal(await run('file_put_contents("/tmp/own", "x"); echo file_get_contents("/tmp/own");'), 'x');
  each.ok(existsSync(`${root}/tenants/acme/tmp/own`), '/tmp counts among the tenant’s own files');
});

await t.test('PHP that may only read its files goes on serving them, and still has its /tmp', async (each) => {
  const write =
    'echo json_encode([@file_put_contents(__DIR__ . "/new", "x"), @chmod(__FILE__, 0600), @unlink(__FILE__), file_put_contents("/tmp/x", "x")]);';
  const before = await running('acme');
  each.equal(await run(write.replace('@unlink(__FILE__)', 'true')), '[1,true,true,1]');
  await putPool('acme', { isReadOnly: true });
  each.equal(await run(write), '[false,false,false,1]');
  each.notSame(await running('acme'), before, 'its master was replaced');
  await putPool('acme');
  each.equal(await run('echo unlink(__DIR__ . "/new");'), '1', 'and it may write again');
});

await t.test('a socket that the tenant swaps for a link is not followed', async (each) => {
  await ask('zoo.example', '/');
  await ask('acme.example', '/');
  const inside = await run(
    '@unlink("/run/php/fpm.sock"); symlink("/etc/passwd", "/run/php/fpm.sock"); echo is_link("/run/php/fpm.sock") ? "swapped" : "no";',
  );
  each.equal(inside, 'swapped');
  each.equal((await ask('acme.example', '/')).status, 200, 'the published name is root’s');
  const [service] = await running('acme');
  await host.services.stop(service ?? '', signal);
  each.equal((await ask('acme.example', '/')).status, 200);
});

await t.test('a socket is looked for in the directory that is root’s, however long its path is', async (each) => {
  await putPhpSite('acme', { socket: `${root}/run/php/acme.shop/inside/fpm.sock` });
  each.equal((await ask('acme.example', '/')).status, 503);
  const socket = `${root}/run/php/${'long'.repeat(30)}/php.sock`;
  await putPool('acme', { socket });
  await putPhpSite('acme', { socket });
  for (const turn of ['first', 'second']) each.equal((await ask('acme.example', '/')).status, 200, turn);
  await putPool('acme');
  await putPhpSite('acme');
});

await t.test('an idle master is stopped, and the next visit wakes it', async (each) => {
  await ask('acme.example', '/');
  for (let tries = 0; (await running('acme')).length > 0 && tries < 300; tries += 1) await delay(100);
  each.strictSame(await running('acme'), []);
  each.equal((await ask('acme.example', '/')).status, 200);
});

await t.test('a pool that cannot start is an answer of 503, and its neighbours go on', async (each) => {
  await reach(phpFpmDriver, world, ownerOf('acme'), phpFpmDriver.nothing);
  each.strictSame(await running('acme'), []);
  each.equal(await host.facts(`${root}/run/php/acme.shop`, signal), undefined);
  each.equal((await ask('acme.example', '/')).status, 503);
  each.equal((await ask('zoo.example', '/')).status, 200);
});

await t.test('the log of errors shows no fault of our own code', async (each) => {
  const text = readFileSync(`${root}/front/error.log`, 'utf8');
  const faults = text
    .split('\n')
    .filter((line) => /lua entry thread|runtime error|\[alert\]|\[emerg\]|stack traceback/.test(line));
  each.strictSame(faults, []);
});
