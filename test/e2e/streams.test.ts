import { spawn, type ChildProcess } from 'node:child_process';
import { lstat, mkdtemp, readdir, readFile, rm, symlink, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startInstance, until } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';
import { run } from '#test/lab/run.ts';
import { memoryDirectory } from '#test/lab/memory-directory.ts';
import { archiveOf, hostileArchives } from '#test/lab/archive.ts';
import {
  aDomain,
  declare,
  declareSite,
  declareStaticSite,
  declareTenant,
  domainType,
  secretType,
} from '#test/lab/tenants.ts';
import type { Client } from '#runtime/client/client.ts';
import { isAlive, startTimeOf } from '#runtime/host/local/supervisor/process-table.ts';
import { streamPath } from '#schemas/meta/streams.ts';

t.setTimeout(400_000);

const instance = await startInstance();
const files = await mkdtemp(join(await memoryDirectory(), 'wcp360-streams-'));
t.teardown(async () => {
  await instance.stop();
  await rm(files, { recursive: true, force: true });
});
const client = await instance.client();
await declareTenant(client, 'acme');
await declareTenant(client, 'beta');
await declareStaticSite(instance, client, { domain: aDomain('acme', 'shop'), page: 'shop of acme' });
await declareStaticSite(instance, client, { domain: aDomain('beta', 'blog'), page: 'secret of beta' });
await declareSite(client, aDomain('acme', 'app', { php: {} }));
/** What tenants hand to their people. */
const owner = await kubeconfigOf('acme');

async function kubeconfigOf(tenant: string): Promise<string> {
  const path = join(files, `${tenant}.kubeconfig`);
  const { stdout, stderr } = await instance.wcpctl(['tenant', 'kubeconfig', tenant]);
  if (stdout === '') throw new Error(stderr);
  await writeFile(path, stdout, { mode: 0o600 });
  return path;
}

/** As the owner of acme, in its namespace. */
const wcpctl = (argv: readonly string[], input?: string) =>
  instance.wcpctl(argv, { kubeconfig: owner, cwd: files, ...(input !== undefined && { input }) });

/** A run that goes on until it is stopped, with what it has written. */
function begin(
  t: Test,
  argv: readonly string[],
): { readonly child: ChildProcess; readonly heard: () => string; readonly ended: Promise<number | null> } {
  const program = join(instance.directory, 'lib/programs/wcpctl.mjs');
  const child = spawn(process.execPath, [program, `--kubeconfig=${owner}`, ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let text = '';
  const hear = (chunk: Buffer): void => void (text = (text + chunk.toString('latin1')).slice(-10_000));
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  child.stdin.on('error', () => undefined);
  t.teardown(() => child.kill('SIGKILL'));
  return { child, heard: () => text, ended: new Promise((resolve) => child.on('close', resolve)) };
}

/** Rejects with what is said instead. */
async function answering(): Promise<boolean> {
  const { exitCode, stderr } = await wcpctl(['exec', 'shop', '--', 'true']);
  if (exitCode !== 0) throw new Error(stderr);
  return true;
}

await t.test('the gateway and the agent find each other', async (each) => {
  await until(answering, 'the first stream');
  each.pass();
});

await t.test(
  'logs show who came, from when on and how much as asked, and go on while they are followed',
  async (each) => {
    await instance.http('shop.acme.test', '/first');
    await instance.http('shop.acme.test', '/second');
    const whole = await wcpctl(['logs', 'shop']);
    each.match(whole.stdout, /first[^]*second/u);
    each.equal(whole.exitCode, 0);
    each.notMatch((await wcpctl(['logs', 'shop', '--tail', '1'])).stdout, 'first');
    each.match((await wcpctl(['logs', 'shop', '--since', '10m'])).stdout, 'second');
    each.equal((await wcpctl(['logs', 'shop', '--type', 'error'])).stdout, '');
    const follower = begin(each, ['logs', '-f', '--tail', '0', 'shop']);
    await until(async () => {
      await instance.http('shop.acme.test', '/live');
      return follower.heard().includes('/live');
    }, 'a line that is new');
    each.notMatch(follower.heard(), 'second');
    follower.child.kill('SIGINT');
    each.equal(await follower.ended, 0, 'an interrupt is how following ends');
  },
);

await t.test('errors of PHP are in the log, too', async (each) => {
  await instance.place('acme', 'domains/app/public/index.php', '<?php error_log("broken cup"); echo "served";');
  await until(async () => (await instance.http('app.acme.test')).body.includes('served'), 'the script to run');
  const said = await until(async () => {
    const { stdout } = await wcpctl(['logs', 'app', '--type', 'error', '--since', '10m']);
    return stdout.includes('broken cup') ? stdout : undefined;
  }, 'the error to be logged');
  each.match(said, 'broken cup');
});

await t.test(
  'a program runs as the tenant in its sandbox, with its input, both outputs and its exit code',
  async (each) => {
    const script = 'read line; echo "out $line"; echo err >&2; id -u; pwd; exit 7';
    const ended = await wcpctl(['exec', '-i', 'shop', '--', 'sh', '-c', script], 'words\n');
    each.equal(ended.exitCode, 7);
    const [said, uid, directory] = ended.stdout.split('\n');
    each.equal(said, 'out words');
    each.ok(Number(uid) >= 20_000, `user id ${uid ?? ''}`);
    each.match(directory, /tenants\/acme\/domains\/shop$/u);
    each.equal(ended.stderr, 'err\n');
    each.match(await wcpctl(['exec', 'shop', '--', 'no-such-program']), { exitCode: 1 });
    each.equal((await wcpctl(['exec', 'shop', '--', 'sh', '-c', 'ls /srv/wcp360/tenants'])).stdout, 'acme\n');
    const many = await wcpctl(['exec', '-i', 'shop', '--', 'sha256sum'], 'x'.repeat(5_000_000));
    each.match(many.stdout, /^7e68|^[0-9a-f]{64}/u, 'much input arrives');
    const large = await wcpctl(['exec', 'shop', '--', 'head', '-c', '20000000', '/dev/zero']);
    each.equal(large.stdout.length, 20_000_000, 'and much output');
  },
);

await t.test('a person gets a terminal, of the size of their own', async (each) => {
  const program = join(instance.directory, 'lib/programs/wcpctl.mjs');
  const shell =
    'until stty size | grep "33 101"; do sleep 0.1; done; test -t 0 && test -t 1 && echo terminal; echo words >&2; exit 5';
  const argv = [
    process.execPath,
    program,
    `--kubeconfig=${owner}`,
    'exec',
    '-it',
    'shop',
    '--',
    'sh',
    '-c',
    `'${shell}'`,
  ];
  // util-linux' script gives wcpctl a terminal, and tells it that nobody types: a zero byte, should the terminal be raw by then, which is echoed.
  const ended = await run(['/usr/bin/script', '-qec', `stty cols 101 rows 33; ${argv.join(' ')}`, '/dev/null']);
  each.match(ended.stdout, /33 101\r+\n(?:\^@)?terminal\r+\n(?:\^@)?words\r+\n/u);
  each.equal(ended.exitCode, 5);
});

await t.test('whoever stops reading keeps a program waiting, and fills nobody', async (each) => {
  const reader = begin(each, ['exec', 'shop', '--', 'cat', '/dev/zero']);
  await until(() => reader.heard() !== '', 'the first bytes');
  reader.child.stdout?.pause();
  const residentBytes = async (): Promise<number> => {
    const running = await instance.services();
    const pids = ['agent', 'controller', 'server'].flatMap((name) => running.get(name)?.pid ?? []);
    const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, 'utf8')));
    return texts.reduce((sum, text) => sum + Number(/VmRSS:\s+(\d+)/u.exec(text)?.[1] ?? 0) * 1024, 0);
  };
  const before = await residentBytes();
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const grownBytes = (await residentBytes()) - before;
  each.ok(grownBytes < 128 * 2 ** 20, `${Math.round(grownBytes / 2 ** 20)} MiB in five seconds`);
  each.equal((await wcpctl(['exec', 'shop', '--', 'true'])).exitCode, 0, 'another stream of the same tunnel goes on');
});

const filePath = (operation: 'files' | 'archive'): string =>
  streamPath({ resource: 'domains', subresource: 'proxy', operation, namespace: 'beta', name: 'blog' });

/** Longer than a kube-apiserver lets any request live that is none of these. */
const longMs = 65_000;
/** Its first bytes are read first, and its rest once it has lasted so long: the tests between go on meanwhile. */
const lasting = {
  chunks: client
    .stream(filePath('archive'), { body: Buffer.from('public/large\0'), silenceMs: 0 })
    [Symbol.asyncIterator](),
  over: Promise.resolve(),
  bytes: 0,
};

await t.test('another host begins to copy a large file', async (each) => {
  await instance.place('beta', 'domains/blog/public/large', 'x'.repeat(40_000_000));
  const first = await lasting.chunks.next();
  lasting.bytes = first.done === true ? 0 : first.value.length;
  lasting.over = delay(longMs);
  each.not(lasting.bytes, 0);
});

await t.test('a program ends with whoever asked for it', async (each) => {
  const marker = `30${process.pid}`;
  const shell = begin(each, ['exec', 'shop', '--', 'sh', '-c', `echo begun; sleep ${marker} & sleep ${marker}`]);
  await until(() => shell.heard().includes('begun'), 'it to begin');
  const sleepers = await until(async () => {
    const found = await processesWith(`sleep\0${marker}`);
    return found.length >= 2 ? found : undefined;
  }, 'its processes');
  shell.child.kill('SIGKILL');
  await until(() => sleepers.every((pid) => !isAlive(pid)), 'all that it started to be gone');
  each.pass();
});

async function processesWith(words: string) {
  const found = [];
  for (const name of (await readdir('/proc')).filter((each) => /^\d+$/u.test(each))) {
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (command.startsWith(words)) found.push({ pid: Number(name), startTime: startTimeOf(Number(name)) ?? '' });
  }
  return found;
}

await t.test('files and directories are copied in and out, whole', async (each) => {
  await mkdir(join(files, 'theme/img'), { recursive: true });
  await writeFile(join(files, 'theme/style.css'), 'body {}');
  await writeFile(join(files, 'theme/img/a b.png'), 'x'.repeat(3_000_000));
  each.same(await wcpctl(['cp', 'theme', 'shop:public']), { exitCode: 0, stdout: '', stderr: '' });
  each.equal((await instance.http('shop.acme.test', '/theme/style.css')).body, 'body {}', 'the front serves it');
  each.same(await wcpctl(['cp', 'theme/style.css', 'shop:public/other.css']), { exitCode: 0, stdout: '', stderr: '' });
  each.equal((await instance.http('shop.acme.test', '/other.css')).body, 'body {}');
  each.same(await wcpctl(['cp', 'shop:public/theme', 'back']), { exitCode: 0, stdout: '', stderr: '' });
  each.equal(await readFile(join(files, 'back/img/a b.png'), 'utf8'), 'x'.repeat(3_000_000));
  each.equal((await wcpctl(['cp', 'shop:public/other.css', 'back'])).exitCode, 0, 'into a directory that is there');
  each.equal(await readFile(join(files, 'back/other.css'), 'utf8'), 'body {}');
  each.match(await wcpctl(['cp', 'shop:missing', 'x']), { exitCode: 1, stderr: /missing.*No such file/u });
  each.match(await wcpctl(['cp', 'absent', 'shop:x']), { exitCode: 1, stderr: /absent cannot be read/u });
  each.match(await wcpctl(['exec', 'shop', '--', 'ls', '-A']), { stdout: 'public\n' }, 'nothing is left beside');
});

await t.test('no path leads out of the tenant', async (each) => {
  const secret = join('/srv/wcp360/tenants/beta/domains/blog/public/index.html');
  const link = `ln -s ${secret} public/link; ln -s /srv/wcp360/tenants/beta public/beta`;
  await wcpctl(['exec', 'shop', '--', 'sh', '-c', link]);
  for (const path of ['public/beta/domains', '../../../beta/domains/blog', secret]) {
    each.match(await wcpctl(['cp', `shop:${path}`, 'stolen']), { exitCode: 1 }, path);
  }
  await wcpctl(['cp', 'shop:public/link', 'copied-link']);
  each.not(await readFile(join(files, 'copied-link'), 'utf8').catch(() => ''), 'secret of beta');
  each.match(await wcpctl(['cp', 'theme', 'shop:public/beta/domains/blog']), { exitCode: 1 });
  await symlink('/etc', join(files, 'etc-link'));
  each.match(await wcpctl(['exec', 'shop', '--', 'cat', secret]), { exitCode: 1, stdout: '' });
});

await t.test('a program has the variables that its site declares, from its Secrets, too', async (each) => {
  const metadata = { name: 'keys', namespace: 'acme' };
  const stringData = { MODE: 'of the Secret', TOKEN: 'of the Secret' };
  await declare(client, secretType, { apiVersion: 'v1', kind: 'Secret', metadata, stringData });
  const env = [{ name: 'MODE', value: 'of the site' }];
  const envFrom = (name: string) => [{ secretRef: { name } }];
  await declareSite(client, aDomain('acme', 'app', { php: { env, envFrom: envFrom('keys') } }));
  const ask = ['exec', 'app', '--', 'sh', '-c', 'echo "$MODE, $TOKEN, $HOME"'];
  each.match((await wcpctl(ask)).stdout, /^of the site, of the Secret, \S+tenants\/acme\n$/u);
  await declare(client, domainType, aDomain('acme', 'app', { php: { env, envFrom: envFrom('absent') } }));
  const isRefused = async () => /The Secret "absent" was not found/u.test((await wcpctl(ask)).stderr);
  await until(isRefused, 'the Secret to be missed');
  for (const words of [ask, ['cp', 'app:style.css', join(files, 'style.css')]])
    each.match((await wcpctl(words)).stderr, /^(?!.*InternalError).*The Secret "absent" was not found/su);
});

await t.test('whatever the other side sends as an archive stays in the place that it is copied to', async (each) => {
  // A tar of the tenant's own is found first.
  const env = [{ name: 'PATH', value: `/srv/wcp360/tenants/acme/domains/app/bin:/usr/bin:/bin` }];
  await declareSite(client, aDomain('acme', 'app', { php: { env } }));
  await instance.place('acme', 'domains/app/bin/tar', '#!/bin/sh\nexec cat /srv/wcp360/tenants/acme/domains/app/sent');
  each.equal((await wcpctl(['exec', 'app', '--', 'chmod', '755', 'bin/tar'])).exitCode, 0);
  const [outside, inside] = [join(files, 'outside'), join(files, 'hostile/inside')];
  await mkdir(outside);
  await mkdir(inside, { recursive: true });
  await writeFile(join(outside, 'mine'), 'mine');
  const copy = join(inside, 'copy');
  for (const [what, entries] of Object.entries(hostileArchives('sent-thing', outside))) {
    await instance.place('acme', 'domains/app/sent', archiveOf(entries));
    const { exitCode } = await wcpctl(['cp', 'app:sent-thing', copy]);
    each.same([await readdir(outside), await readFile(join(outside, 'mine'), 'utf8')], [['mine'], 'mine'], what);
    each.same(await readdir(join(files, 'hostile')), ['inside'], what);
    each.same(await readdir(inside), exitCode === 0 ? ['copy'] : [], `${what}: nothing is left of what failed`);
    if (exitCode === 0) each.equal((await lstat(copy)).mode & 0o6022, 0, `${what}: nobody gets rights by it`);
    await rm(copy, { recursive: true, force: true });
  }
  await instance.place('acme', 'domains/app/sent', archiveOf([{ name: 'sent-thing', text: 'words' }]));
  each.equal((await wcpctl(['cp', 'app:sent-thing', copy])).exitCode, 0, 'the control');
  each.equal(await readFile(copy, 'utf8'), 'words');
});

await t.test("another tenant's Domain is nobody's to ask for", async (each) => {
  for (const argv of [
    ['logs', '-n', 'beta', 'blog'],
    ['exec', '-n', 'beta', 'blog', '--', 'id'],
    ['cp', '-n', 'beta', 'blog:public', 'stolen'],
  ])
    each.match(await wcpctl(argv), { exitCode: 1, stderr: /Forbidden/u }, argv.join(' '));
  each.match(await instance.wcpctl(['logs', '-n', 'acme', 'absent']), { exitCode: 1, stderr: /NotFound/u });
});

await t.test('a tenant has its share of streams and no more', async (each) => {
  const open = Array.from({ length: 10 }, () =>
    begin(each, ['exec', 'shop', '--', 'sh', '-c', 'echo here; sleep 600']),
  );
  await until(() => open.every(({ heard }) => heard().includes('here')), 'ten shells');
  each.match(await wcpctl(['exec', 'shop', '--', 'true']), { exitCode: 1, stderr: /TooManyRequests/u });
  each.equal((await instance.wcpctl(['exec', '-n', 'beta', 'blog', '--', 'true'])).exitCode, 0, 'another has its own');
  open[0]?.child.kill('SIGKILL');
  await until(async () => (await wcpctl(['exec', 'shop', '--', 'true'])).exitCode === 0, 'a place to be free');
});

await t.test('another host copies files through the API server, as long as it takes and nobody else', async (each) => {
  const read = async (from: Client, operation: 'files' | 'archive', body?: Buffer): Promise<Buffer> =>
    Buffer.concat(await Array.fromAsync(from.stream(filePath(operation), { ...(body !== undefined && { body }) })));
  const many = Array.from({ length: 20_000 }, (_, at) => `public/name-of-a-file-that-is-not-there-${at}\0`).join('');
  const archive = await read(client, 'archive', Buffer.from(`${many}public/index.html\0`));
  each.match(archive.toString(), 'secret of beta');
  each.match((await read(client, 'files')).toString(), /\0public\/index\.html\0/u);
  await lasting.over;
  let { bytes } = lasting;
  for (let next = await lasting.chunks.next(); next.done !== true; next = await lasting.chunks.next())
    bytes += next.value.length;
  each.ok(bytes > 40_000_000, 'all of it came');
  const people = await instance.client(await kubeconfigOf('beta'));
  each.teardown(() => people.close());
  for (const operation of ['files', 'archive'] as const)
    await each.rejects(
      read(people, operation, operation === 'files' ? undefined : Buffer.from('public\0')),
      /forbidden/iu,
    );
});

await t.test('a suspended site can be looked at, and runs nothing', async (each) => {
  each.match(await instance.wcpctl(['tenant', 'suspend', 'beta', '--reason', 'Abuse']), { exitCode: 0 });
  await until(
    async () => /suspended/u.test((await instance.wcpctl(['exec', '-n', 'beta', 'blog', '--', 'true'])).stderr),
    'the suspension to be obeyed',
  );
  each.equal((await instance.wcpctl(['logs', '-n', 'beta', 'blog'])).exitCode, 0);
  const files = streamPath({
    ...{ resource: 'domains', subresource: 'proxy', operation: 'files' },
    ...{ namespace: 'beta', name: 'blog' },
  });
  each.match((await client.raw('GET', files)).body, 'public/index.html', 'and its files can be copied');
});

await t.test('agent and gateway may be started anew at any time', async (each) => {
  for (const program of ['agent', 'controller'] as const) {
    const pid = (await instance.services()).get(program)?.pid;
    const shell = begin(each, ['exec', 'shop', '--', 'sh', '-c', 'echo begun; sleep 600']);
    await until(() => shell.heard().includes('begun'), 'a shell');
    killProcess(pid);
    each.not(await shell.ended, 0, `a shell ends with its ${program}`);
    await until(answering, `streams after the ${program}`, 120_000);
  }
});
