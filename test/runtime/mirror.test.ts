import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { HostError } from '#runtime/base/errors.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { openTenantProcesses } from '#runtime/host/local/open-tenant-processes.ts';
import { differenceOf, isNothing, type Difference } from '#runtime/mirror/difference.ts';
import { entriesOf, type Entry } from '#runtime/mirror/listing.ts';
import { mirror, type MirrorOptions, type MirrorProgress } from '#runtime/mirror/mirror.ts';
import { channelProtocol, channels, messageOf } from '#runtime/streams/channels.ts';
import { createReplicaWords } from '#runtime/streams/agent/replicas.ts';
import { createStreamServer, type StreamServer } from '#runtime/streams/agent/serve-streams.ts';
import { createWriters, type Writers } from '#runtime/streams/agent/writers.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { until } from '#test/lab/instance.ts';
import { memoryDirectory } from '#test/lab/memory-directory.ts';
import { run } from '#test/lab/run.ts';

const uid = 20_001;
/** The web front's group is not the same everywhere. */
const frontGidThere = 33;
const frontGidHere = 34;

const base = mkdtempSync(join(await memoryDirectory(), 'wcp360-mirror-'));
chmodSync(base, 0o711);
t.teardown(() => rmSync(base, { recursive: true, force: true }));

/** A tenant's tree with one Domain, as a host has it. */
function makeTree(name: string, frontGid: number): Place {
  const tree = join(base, name, 'tenants/acme');
  const directory = join(tree, 'domains/shop');
  mkdirSync(directory, { recursive: true });
  for (const path of [join(base, name), join(base, name, 'tenants'), tree, join(tree, 'domains')])
    chmodSync(path, 0o711);
  mkdirSync(join(tree, 'tmp'), { mode: 0o700 });
  chownSync(join(tree, 'tmp'), uid, uid);
  mkdirSync(join(directory, 'public'));
  for (const path of [directory, join(directory, 'public')]) {
    chownSync(path, uid, frontGid);
    chmodSync(path, 0o2750);
  }
  return { tree, directory };
}

const processes = openTenantProcesses('supervisor');
let trees = 0;

/** Two hosts: the streams of one, and what the other one mirrors from them. */
async function openHosts(t: Test, answer?: (request: IncomingMessage, response: ServerResponse) => void) {
  const there = makeTree(`there-${(trees += 1)}`, frontGidThere);
  const here = makeTree(`here-${trees}`, frontGidHere);
  const server =
    answer === undefined ? serverOf(streamsOf(there, { refusal: 'suspended' })) : (createHttpServer(answer) as Server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = createClient({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  t.teardown(async () => {
    await client.close();
    server.close();
  });
  const seat = { tenant: 'acme', uid, isReadOnly: false, slice: '' };
  const options: MirrorOptions = {
    client,
    processes,
    seat: { ...seat, tree: here.tree, workingDirectory: here.directory },
    frontGid: frontGidHere,
    namespace: 'acme',
    domain: 'shop',
    isLast: true,
    onProgress: () => undefined,
    signal: new AbortController().signal,
  };
  return {
    there,
    here,
    client,
    options,
    mirror: (more: Partial<MirrorOptions> = {}) => mirror({ ...options, ...more }),
  };
}

interface Place {
  readonly tree: string;
  readonly directory: string;
}

/** An agent's streams, by connections without a tunnel. */
function serverOf(streams: StreamServer): Server {
  return createServer((socket) => streams.serve(socket, {} as ServerHttp2Session));
}

function streamsOf(
  { tree, directory }: Place,
  overrides: { isReadOnly?: boolean; refusal?: string } = {},
  writers: Writers = createWriters(),
): StreamServer {
  return createStreamServer({
    seatOf: (namespace, name) => {
      if (namespace !== 'acme' || name !== 'shop') return undefined;
      const seat = { tenant: 'acme', uid, isReadOnly: false, slice: '', tree, workingDirectory: directory };
      return { ...seat, logs: { access: '', error: '' }, ...overrides };
    },
    databaseSeatOf: () => undefined,
    inviteTo: () => Promise.reject(new Error('nobody is invited')),
    processes,
    frontGid: frontGidThere,
    writers,
    replicas: createReplicaWords(),
    tenantStreams: 4,
    idleMs: 60_000,
    log: silentLogger,
  });
}

/** What the tenant does on the host where it is served. */
async function asTenant({ directory }: { readonly directory: string }, script: string): Promise<void> {
  const as = ['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
  const ended = await run([...as, '/bin/bash', '-euc', script], { cwd: directory });
  if (ended.exitCode !== 0) throw new Error(`${script}: ${ended.stderr}`);
}

/** All that there is in a directory, as root sees it: names, types, modes, groups, content, and times of files. */
async function portrait({ directory }: { readonly directory: string }, frontGid: number): Promise<readonly string[]> {
  const group = ['(', '-gid', String(frontGid), '-printf', 'front ', '-o', '-printf', '%G ', ')'];
  const facts = ['(', '-type', 'f', '-printf', '%s %T@ ', '-o', '-true', ')', '-printf', '%y %m %U %l %P\\0'];
  const { stdout } = await run(['/usr/bin/find', '.', '-mindepth', '1', ...group, ...facts], { cwd: directory });
  const sums = await run(['/usr/bin/find', '.', '-type', 'f', '-exec', 'sha256sum', '--zero', '{}', '+'], {
    cwd: directory,
  });
  return [...stdout.split('\0'), ...sums.stdout.split('\0')].toSorted();
}

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? false : 'needs root: programs run as other users';

await t.test('a Domain’s files are mirrored exactly, whatever they are', { skip }, async (each) => {
  const { there, here, mirror } = await openHosts(each);
  await asTenant(
    there,
    `umask 027; mkdir -p public/a/b 'public/ -rf' public/closed public/shut public/sticky
     echo hello > public/a/b/page; echo x > $'public/new\\nline'; echo y > public/-dash; echo z > $'public/\\xff\\xfe'
     ln -s /etc/passwd public/out; ln -s ../../../../../.. public/up; ln -s page public/a/b/alias; ln -s gone public/dangling
     echo linked > public/one; ln public/one public/two
     echo secret > public/none; chmod 0 public/none
     echo in > public/closed/in; chmod 0 public/closed; echo in > public/shut/in; chmod 0555 public/shut; chmod 1777 public/sticky
     echo own > public/own; chgrp ${uid} public/own; mkdir public/wide; chmod 0777 public/wide; echo w > public/wide/file; chmod 666 public/wide/file
     truncate -s 200M public/sparse; echo end >> public/sparse
     touch -d '1969-12-31 23:59:58.25' public/old; mkfifo public/fifo; chmod 4755 public/-dash
     for i in $(seq 1 200); do echo $i > public/a/$i; done`,
  );
  // Debian's bash knows no socket of its own to make; a fifo stands for all that is no file.
  const result = await mirror();
  each.match(result, { skipped: 1, unreadable: [] });
  await asTenant(there, 'rm public/fifo; chmod u-s public/-dash');
  each.same(await portrait(here, frontGidHere), await portrait(there, frontGidThere));
  const stat = (name: string) => lstatSync(join(here.directory, 'public', name));
  each.equal(stat('one').ino, stat('two').ino, 'two names of one file stay that');
  each.ok(stat('sparse').blocks * 512 < 2 ** 20, 'holes stay holes');
  each.match(await mirror(), { passes: 0, files: 0 }, 'and once more there is nothing to do');
});

await t.test('the web front reads on the other host what it could read', { skip }, async (each) => {
  const { there, here, mirror } = await openHosts(each);
  await asTenant(
    there,
    'umask 027; mkdir -p public/a/b; echo page > public/a/b/page; echo own > public/own; chgrp 20001 public/own',
  );
  await mirror();
  await asTenant(
    there,
    'umask 027; mkdir public/a/c; chmod 0750 public/a/b; echo new > public/a/c/page; echo more >> public/a/b/page',
  );
  await mirror();
  const read = async (gid: number, path: string): Promise<string> =>
    (
      await run(['/usr/bin/setpriv', '--reuid=65534', `--regid=${gid}`, '--clear-groups', '--', 'cat', path], {
        cwd: here.directory,
      })
    ).stdout;
  each.equal(await read(frontGidHere, 'public/a/b/page'), 'page\nmore\n');
  each.equal(await read(frontGidHere, 'public/a/c/page'), 'new\n');
  each.equal(await read(frontGidHere, 'public/own'), '');
  each.equal(await read(frontGidThere, 'public/a/b/page'), '', 'and nobody else does');
  each.same(await portrait(here, frontGidHere), await portrait(there, frontGidThere));
});

await t.test('what changes between passes follows, whatever it becomes', { skip }, async (each) => {
  const { there, here, mirror } = await openHosts(each);
  await asTenant(
    there,
    `mkdir -p public/{dir,gone/deep/er,shut,wide}; echo 1 > public/file; echo 1 > public/dir/in; echo 1 > public/gone/deep/er/f
     echo same > public/touched; ln -s file public/link; echo 1 > public/shut/in; echo old > public/shut/old; chmod 0500 public/shut; echo m > public/mode`,
  );
  each.match(await mirror({ isLast: false }), { passes: 1 });
  each.same(await portrait(here, frontGidHere), await portrait(there, frontGidThere));
  await asTenant(
    there,
    `rm -r public/file public/dir public/gone; mkdir -p public/file/now; echo 2 > public/file/now/in; echo 2 > public/dir
     ln -sf elsewhere public/link; touch public/touched; chmod 0600 public/mode; chmod 0750 public/wide
     chmod 0700 public/shut; echo new > public/shut/new; rm public/shut/old; chmod 0500 public/shut`,
  );
  await mirror({ isLast: false });
  each.same(await portrait(here, frontGidHere), await portrait(there, frontGidThere));
  await asTenant(there, 'rm -rf public/* || { chmod 700 public/shut; rm -rf public/*; }');
  await mirror();
  each.same(await portrait(here, frontGidHere), await portrait(there, frontGidThere));
});

const names = fc.constantFrom('a', 'b', 'c', 'd-e');
const treesDrawn: fc.Arbitrary<Map<string, Entry>> = fc
  .array(
    fc.record({
      parts: fc.array(names, { minLength: 1, maxLength: 3 }),
      type: fc.constantFrom('directory', 'file', 'link', 'other'),
      mode: fc.constantFrom(0, 0o500, 0o640, 0o666, 0o750),
      sizeBytes: fc.nat(2),
      changedAt: fc.constantFrom('1.5', '2.5'),
      target: fc.constantFrom('x', 'y'),
      hasFrontGroup: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  .map((drawn) => {
    const tree = new Map<string, Entry>();
    for (const { parts, ...facts } of drawn) {
      const parents = parts.slice(0, -1).map((_, at) => parts.slice(0, at + 1).join('/'));
      if (parents.some((path) => tree.has(path) && tree.get(path)?.type !== 'directory')) continue;
      for (const path of parents)
        if (!tree.has(path)) tree.set(path, entryAt(path, { type: 'directory', mode: 0o750 }));
      const path = parts.join('/');
      if (!tree.has(path)) tree.set(path, entryAt(path, facts as Partial<Entry>));
    }
    return tree;
  });

function entryAt(path: string, facts: Partial<Entry> = {}): Entry {
  const given: Entry = {
    ...{
      path,
      type: 'file',
      mode: 0o640,
      sizeBytes: 0,
      changedAt: '1.5',
      target: '',
      hasFrontGroup: true,
      isReadable: true,
    },
    ...facts,
  };
  if (given.type !== 'link') return { ...given, target: '' };
  return { ...given, mode: 0o777 };
}

/** A file system that lets nobody write into a closed directory, remove what is not empty, or make what has no parent. */
function applied(here: ReadonlyMap<string, Entry>, difference: Difference): Map<string, Entry> {
  const tree = new Map(here);
  const need = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(what);
  };
  const enter = (path: string): void => {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = tree.get(path.slice(0, end));
      need(parent?.type === 'directory' && (parent.mode & 0o700) === 0o700, `${path} is in no open directory`);
    }
  };
  for (const { path, mode } of difference.open)
    tree.set(path, { ...entryAt(path), ...tree.get(path), mode: mode | 0o700 });
  for (const { path } of difference.remove) {
    enter(path);
    need(![...tree.keys()].some((other) => other.startsWith(`${path}/`)), `${path} is not empty`);
    need(tree.delete(path), `${path} is not there`);
  }
  for (const entry of difference.directories) {
    enter(entry.path);
    need(!tree.has(entry.path), `${entry.path} is there already`);
    tree.set(entry.path, { ...entry, mode: entry.mode | 0o700, hasFrontGroup: true });
  }
  for (const entry of difference.copy) {
    enter(entry.path);
    need(tree.get(entry.path)?.type !== 'directory', `${entry.path} is a directory`);
    tree.set(entry.path, entry.type === 'link' ? entry : { ...entry, mode: entry.mode & ~0o022, hasFrontGroup: true });
  }
  for (const { path, mode, hasFrontGroup } of difference.settle) {
    const own = tree.get(path);
    if (own !== undefined) tree.set(path, { ...own, mode, hasFrontGroup });
  }
  return tree;
}

/** Of an entry what is to be the same. */
function essence(tree: ReadonlyMap<string, Entry>): readonly string[] {
  return [...tree.values()]
    .filter(({ type }) => type !== 'other')
    .map(({ path, type, ...facts }) => {
      if (type === 'link') return `${path} -> ${facts.target}`;
      const attributes = `${path} ${type} ${facts.mode} ${facts.hasFrontGroup}`;
      return type === 'file' ? `${attributes} ${facts.sizeBytes} ${facts.changedAt}` : attributes;
    })
    .toSorted();
}

await t.test('what differs, carried out in its order, makes anything the same', async (each) => {
  await fc.assert(
    fc.asyncProperty(treesDrawn, treesDrawn, async (there, here) => {
      const difference = await differenceOf([[...there.values()]], new Map(here));
      const made = applied(here, difference);
      each.same(essence(made), essence(there));
      each.ok(isNothing(await differenceOf([[...there.values()]], new Map(made))), 'and then nothing differs');
    }),
    { numRuns: 500 },
  );
});

await t.test('a list of files names nothing outside of the directory, in whatever pieces it comes', async (each) => {
  const listed = async (bytes: Buffer, size = bytes.length): Promise<readonly Entry[]> => {
    const pieces = async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    };
    return (await Array.fromAsync(entriesOf(pieces()))).flat();
  };
  const line = (path: string, facts = 'frf640 12 1764350000.1234567890', target = ''): Buffer =>
    Buffer.from(`${facts}\0${path}\0${target}\0`, 'latin1');
  const whole = Buffer.concat([
    line('a\nb/-rf/..c/...'),
    line('\xff\xfe', 'oud2750 4096 -3.5000000000'),
    line('to', 'frl777 9 1.0000000000', '../../etc'),
    line('pipe', 'frp600 0 1.0000000000'),
  ]);
  const entries = await listed(whole);
  each.match(entries, [
    { path: 'a\nb/-rf/..c/...', type: 'file', mode: 0o640, sizeBytes: 12, changedAt: '1764350000.1234567890' },
    { path: '\xff\xfe', type: 'directory', mode: 0o2750, hasFrontGroup: false, isReadable: false },
    { path: 'to', type: 'link', target: '../../etc' },
    { path: 'pipe', type: 'other' },
  ]);
  for (const size of [1, 2, 7]) each.same(await listed(whole, size), entries);
  for (const path of [
    '',
    '/',
    '/etc/passwd',
    '..',
    '../x',
    'a/../b',
    'a//b',
    'a/',
    './a',
    'a/.',
    'x'.repeat(256),
    'x/'.repeat(2_100) + 'x',
  ])
    await each.rejects(listed(line(path)), /does not lead into the directory/u, path.slice(0, 20));
  for (const facts of [
    '',
    'frf640 12',
    'xrf640 12 1.0',
    'frf999 1 1.0',
    'frf640 -1 1.0',
    'frf640 1 1.0 ',
    'frf640 1 now',
    `frf640 ${'9'.repeat(17)} 1.0`,
  ])
    await each.rejects(listed(line('a', facts)), /no known form/u, facts);
  for (const bytes of [whole.subarray(0, -1), line('a').subarray(0, 5), Buffer.alloc(70_000, 'x')])
    await each.rejects(listed(bytes), /without an end/u);
});

await t.test('nothing is listed or packed but what is below the Domain’s directory', { skip }, async (each) => {
  const { there, client } = await openHosts(each);
  await asTenant(there, 'ln -s / public/root');
  const path = (domain: string, operation: string): string =>
    `/apis/stream.hosting.wcp360.io/v1alpha1/namespaces/acme/domains/${domain}/proxy/${operation}`;
  const ask = async (names: string, at = path('shop', 'archive')): Promise<string> =>
    (await Array.fromAsync(client.stream(at, { body: Buffer.from(names) }))).join('');
  for (const names of ['../other\0', '/etc/passwd\0', 'public/../../x\0', 'public', '\0', 'a\0\0'])
    await each.rejects(ask(names), /is made of paths/u, JSON.stringify(names));
  await each.rejects(ask('x\0'.repeat(600_000)), /too large/u);
  await each.rejects(ask('public\0', path('other', 'archive')), /not ready/u);
  await each.rejects(ask('', path('shop', 'files')), /asked for by POST|asked for by GET/u);
  each.notMatch(await ask(`public/root${base}\0public/root/etc/shadow\0--checkpoint-action=exec=id\0`), /root:|uid=/u);
  const listing = (await Array.fromAsync(client.stream(path('shop', 'files')))).join('');
  each.same(
    listing.split('\0').filter((_, at) => at % 3 === 1),
    ['public', 'public/root'],
    'no link is followed',
  );
});

await t.test('a copy that was ended goes on where it was, over many files', { skip }, async (each) => {
  const { there, here, mirror } = await openHosts(each);
  await asTenant(there, 'mkdir public/many; cd public/many; seq 12000 | split --lines=1 --suffix-length=4 - f');
  const ending = new AbortController();
  const onProgress = ({ files, filesInAll }: MirrorProgress): void => {
    each.equal(filesInAll, 12_000);
    if (files > 0) ending.abort(new Error('the agent ends'));
  };
  await each.rejects(mirror({ signal: ending.signal, onProgress }), /the agent ends/u);
  const { files } = await mirror();
  each.ok(files <= 2_000, `${files} files were left to be copied`);
  each.same(await portrait(here, frontGidHere), await portrait(there, frontGidThere));
});

await t.test(
  'what came of an archive that broke off is not taken for whole, though it looks like it',
  { skip },
  async (each) => {
    const evil = mkdtempSync(join(base, 'broken-'));
    writeFileSync(join(evil, 'file'), 'zeros');
    utimesSync(join(evil, 'file'), 5, 5);
    await run(['/usr/bin/tar', '-cf', '../broken.tar', 'file'], { cwd: evil });
    let isWhole = false;
    const { here, mirror } = await openHosts(each, (request, response) => {
      if (request.method === 'GET') response.end(Buffer.from('frf644 5 5.0000000000\0file\0\0'));
      else {
        request.resume().on('end', () => {
          response.write(readFileSync(join(base, 'broken.tar')));
          if (isWhole) response.end();
          else {
            const arrived = until(() => existsSync(join(here.directory, 'file')), 'it to arrive');
            void each.resolves(arrived).finally(() => response.destroy());
          }
        });
      }
    });
    await each.rejects(mirror(), HostError);
    each.equal(readFileSync(join(here.directory, 'file'), 'utf8'), 'zeros');
    isWhole = true;
    each.match(await mirror(), { files: 1 }, 'it is copied once more');
  },
);

await t.test('a host that is full says so, and goes on once there is space', { skip }, async (each) => {
  const { there, here, mirror } = await openHosts(each);
  const mount = await run([
    '/usr/bin/mount',
    '-t',
    'tmpfs',
    '-o',
    'size=2m,mode=2750,uid=20001,gid=34',
    'full',
    here.directory,
  ]);
  each.equal(mount.exitCode, 0, mount.stderr);
  each.teardown(() => run(['/usr/bin/umount', here.directory]));
  await asTenant(there, 'head -c 5M /dev/urandom > public/large');
  await each.rejects(mirror(), /no space left/u);
  await run(['/usr/bin/mount', '-o', 'remount,size=20m', here.directory]);
  await mirror();
  each.same(await portrait(here, frontGidHere), await portrait(there, frontGidThere));
});

await t.test(
  'what even its owner cannot read is named, and a last copy does without nothing',
  { skip },
  async (each) => {
    const { there, mirror } = await openHosts(each);
    await asTenant(
      there,
      `umask 0; mkdir public/own; chgrp ${uid} public/own; chmod 0777 public/own; echo x > public/own/hidden; chmod 0 public/own/hidden`,
    );
    each.match(await mirror({ isLast: false }), { unreadable: ['"public/own/hidden"'] });
    await each.rejects(mirror(), /cannot be read: "public\/own\/hidden"/u);
  },
);

await t.test('a host that lies writes nothing outside of the tenant’s own directory', { skip }, async (each) => {
  const outside = mkdtempSync(join(base, 'outside-'));
  const evil = mkdtempSync(join(base, 'evil-'));
  const target = join(outside, 'target');
  const reset = (): void => {
    rmSync(outside, { recursive: true });
    mkdirSync(outside);
    chmodSync(outside, 0o777);
    writeFileSync(target, 'host');
    chmodSync(target, 0o666);
  };
  const seen = (): readonly unknown[] => [readdirSync(outside), lstatSync(target).nlink, readFileSync(target, 'utf8')];
  mkdirSync(join(evil, 'dir'));
  for (const name of ['one', 'dir/target']) writeFileSync(join(evil, name), 'evil');
  linkSync(join(evil, 'one'), join(evil, 'two'));
  symlinkSync(outside, join(evil, 'link'));
  const tricks: Readonly<Record<string, readonly string[]>> = {
    'a name with ..': [`--transform=s,^one,${'../'.repeat(12)}${outside.slice(1)}/dots,`, 'one'],
    'an absolute name': [`--transform=s,^one,${outside}/absolute,`, 'one'],
    'a link, and a file through it': ['--transform=s,^dir,link,', 'link', 'dir/target'],
    'a hard link to a file of the host': [`--transform=s,^one$,${target},RS`, 'one', 'two'],
  };
  for (const [name, args] of Object.entries(tricks)) {
    await run(['/usr/bin/tar', '-cPf', '../evil.tar', ...args], { cwd: evil });
    const archive = readFileSync(join(base, 'evil.tar'));
    reset();
    const before = seen();
    const gullible = mkdtempSync(join(base, 'gullible-'));
    await run(['/usr/bin/tar', '-xPf', '../evil.tar', '--keep-directory-symlink'], { cwd: gullible });
    each.notSame(seen(), before, `${name}: works where nothing is in its way`);
    reset();
    const { here, mirror } = await openHosts(each, (request, response) => {
      if (request.method === 'POST') request.resume().on('end', () => response.end(archive));
      else response.end(Buffer.from('frf640 4 1.0000000000\0file\0\0'));
    });
    await each.rejects(mirror(), HostError, name);
    each.same(seen(), before, name);
    each.same(readdirSync(join(here.tree, 'domains')), ['shop'], name);
  }
});

await t.test(
  'programs that may change files are counted, and ended with a word of why; others go on',
  { skip },
  async (each) => {
    const place = makeTree(`there-${(trees += 1)}`, frontGidThere);
    const overrides = { isReadOnly: false };
    const keeper = createWriters();
    const streams = streamsOf(place, overrides, keeper);
    const server = serverOf(streams).listen(0, '127.0.0.1');
    await once(server, 'listening');
    each.teardown(() => server.close());
    const begin = async (script: string) => {
      const query = new URLSearchParams(['sh', '-c', script].map((word): [string, string] => ['command', word]));
      const at = `127.0.0.1:${(server.address() as AddressInfo).port}/apis/stream.hosting.wcp360.io/v1alpha1`;
      const socket = new WebSocket(`ws://${at}/namespaces/acme/domains/shop/exec?${query.toString()}`, [
        channelProtocol,
      ]);
      const heard = new Map<number, string>();
      socket.on('message', (data) => {
        const message = messageOf(data);
        if (message !== undefined)
          heard.set(message.channel, (heard.get(message.channel) ?? '') + message.bytes.toString());
      });
      const closed = once(socket, 'close');
      await until(() => heard.get(channels.stdout)?.includes('begun'), 'the program to begin');
      return { socket, heard, closed };
    };
    const writers = [await begin('echo begun; sleep 600'), await begin('echo begun; while echo more; do :; done')];
    writers[1]?.socket.pause();
    overrides.isReadOnly = true;
    const reader = await begin('echo begun; touch public/new || echo refused; sleep 600');
    each.equal(keeper.count('acme'), 2);
    each.equal(keeper.count('beta'), 0);
    keeper.end('beta');
    each.equal(keeper.count('acme'), 2, 'those of others are not concerned');
    keeper.end('acme');
    await until(() => keeper.count('acme') === 0, 'all to be gone, whether or not their people read on');
    writers[1]?.socket.resume();
    for (const { heard, closed } of writers) {
      await closed;
      each.match(JSON.parse(heard.get(channels.error) ?? '{}'), {
        reason: 'Conflict',
        message: /being moved to another host/u,
      });
    }
    each.match(reader.heard.get(channels.stdout), 'refused');
    each.equal(reader.socket.readyState, WebSocket.OPEN);
    reader.socket.terminate();
    await until(() => streams.open() === 0, 'the last one to be gone');
  },
);
