import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { RefusedError } from '#runtime/base/errors.ts';
import { parseRemote, permittedAddress } from '#runtime/git/remote.ts';
import { readRepository, type RepositoryContent, type RepositoryOptions } from '#runtime/git/read-repository.ts';
import { openWorkspace } from '#runtime/host/local/open-workspace.ts';
import { isManifestFile } from '#runtime/manifests/parse.ts';
import { sourceKind } from '#schemas/index.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { admit } from '#test/builders/admit.ts';
import { createOpenPgpKey, createRepository, createSshKey, openDirectory, startSshServer } from '#test/lab/git.ts';

const directory = await openDirectory(t);
const work = await openDirectory(t);
const workspace = await openWorkspace(work);
const never = new AbortController().signal;
const mebibyte = 1024 * 1024;

const defaults: RepositoryOptions = {
  workspace,
  policy: { allowsFiles: true },
  credentials: {},
  limits: { wants: isManifestFile, maxFiles: 100, maxFileBytes: 10_000, maxBytes: 100_000 },
  maxFetchBytes: 64 * mebibyte,
  signal: never,
};

type Order = Parameters<typeof readRepository>[0];

const read = async (order: Order, options: Partial<RepositoryOptions> = {}): Promise<RepositoryContent> =>
  await readRepository(order, { ...defaults, ...options });

/** The reason of a refusal, and its sentence. */
async function refusal(order: Order, options: Partial<RepositoryOptions> = {}): Promise<string> {
  try {
    await read(order, options);
    return 'none';
  } catch (err) {
    if (err instanceof RefusedError) return `${err.reason}: ${err.message}`;
    throw err;
  }
}

/** For `rejects` and `throws`. */
const refusedAs = (reason: string) => ({ name: 'RefusedError', reason }) as unknown as Error;

const texts = ({ tree }: RepositoryContent): Readonly<Record<string, string>> => Object.fromEntries(tree?.texts ?? []);

await t.test(
  'a commit is read by branch, by tag and by what is checked out; manifests below a path alone',
  async (t) => {
    const repository = await createRepository(directory, 'plain');
    await repository.write('a/one.yaml', 'one: ü\n');
    await repository.write('a/deep/two.json', '{}');
    await repository.write('a/.hidden/no.yaml', 'no');
    await repository.write('a/kustomization.yaml', 'no');
    await repository.write('a/README.md', 'no');
    await repository.write('b/three.yml', 'three\n');
    const first = await repository.publish();
    await repository.git('tag', 'light');
    await repository.git('tag', '--annotate', '--message', 'heavy', 'heavy');
    await repository.write('a/one.yaml', 'one: 2\n');
    const second = await repository.publish();
    const { url } = repository;
    const all = { 'a/deep/two.json': '{}', 'a/one.yaml': 'one: ü\n', 'b/three.yml': 'three\n' };
    for (const tag of ['light', 'heavy']) {
      const content = await read({ url, tag });
      t.equal(content.commit, first, tag);
      t.same(texts(content), all, tag);
    }
    const newest = await read({ url, branch: 'main', path: 'a' });
    t.equal(newest.commit, second);
    t.same(texts(newest), { 'a/deep/two.json': '{}', 'a/one.yaml': 'one: 2\n' });
    t.equal((await read({ url })).commit, second);
    t.same(await read({ url, branch: 'main' }, { known: second }), { commit: second, tree: undefined }, 'nothing new');
    t.match(await refusal({ url, branch: 'nowhere' }), /^FetchFailed: The repository has no refs\/heads\/nowhere\./);
    t.match(await refusal({ url, branch: 'main', path: 'c' }), /^PathNotFound: Commit \w+ has no directory "c"/);
    t.match(await refusal({ url, branch: 'main', path: 'b/three.yml' }), /^PathNotFound/, 'a file is no directory');
    t.match(await refusal({ url: `file://${directory}/nothing.git` }), /^FetchFailed: .*does not (exist|appear)/);
  },
);

await t.test('what was published by force is what counts', async (t) => {
  const repository = await createRepository(directory, 'forced');
  await repository.write('one.yaml', '1');
  const first = await repository.publish();
  await repository.write('one.yaml', '2');
  await repository.publish();
  await repository.git('reset', '--quiet', '--hard', first);
  await repository.write('one.yaml', '3');
  const third = await repository.publish();
  const content = await read({ url: repository.url, branch: 'main' });
  t.equal(content.commit, third);
  t.same(texts(content), { 'one.yaml': '3' });
});

const forms = [
  'ext::sh -c touch% /tmp/x',
  'fd::17',
  'git://git.example.org/a.git',
  'http://git.example.org/a.git',
  'git@git.example.org:a.git',
  '--upload-pack=/bin/true',
  '-oProxyCommand=true',
  'ssh://-oProxyCommand=true/a.git',
  'ssh://git@-oProxyCommand=true/a.git',
  'ssh://git.example.org/a.git',
  'ssh://git@git.example.org/-a.git',
  'ssh://git@git.example.org/../a.git',
  "ssh://git@git.example.org/a';true;'.git",
  'https://user:word@git.example.org/a.git',
  'https://git.example.org/a.git?x=1',
  'https://git.example.org/a.git#x',
  'https://git.example.org/a%2eb',
  'https://git.example.org:1234567/a',
  'https://git.example.org\n/a',
  'file://host/a.git',
  'file:///a/../b',
  '/a.git',
  '',
];

await t.test('a URL of another form is refused by the schema, and by what reads it', async (t) => {
  const faultsOf = (url: string): unknown =>
    admit(sourceKind, {
      ...{ apiVersion: apiVersionOf(sourceKind), kind: 'Source', metadata: { name: 'a', namespace: 'b' } },
      spec: { git: { url } },
    }).faults.length;
  for (const url of forms) {
    t.not(faultsOf(url), 0, `schema: ${url}`);
    t.throws(() => parseRemote(url), refusedAs('UrlNotAllowed'), url);
  }
  const good = [
    'https://git.example.org/a/b.git',
    'https://[2001:db8::1]:8443/a',
    'ssh://git@git.example.org:2222/~jane/a.git',
    'file:///srv/a.git',
  ];
  for (const url of good) {
    t.equal(faultsOf(url), 0, url);
    t.doesNotThrow(() => parseRemote(url), url);
  }
  t.match(parseRemote('ssh://git@[::1]:22/a'), { host: '::1', port: 22 });
});

const closedHosts = [
  ...['127.0.0.1', '10.1.2.3', '192.168.0.1', '172.16.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1'],
  ...[
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[fe80::1]',
    '[fd00::1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
  ],
  ...['localhost', '2130706433', '0x7f000001', '0177.0.0.1', '127.1'],
];

await t.test('a repository at an address that is not public is refused, however the address is written', async (t) => {
  const resolve = async (name: string): Promise<readonly string[]> => await workspace.resolve(name, never);
  for (const host of closedHosts) {
    const remote = parseRemote(`https://${host}/a`);
    await t.rejects(
      permittedAddress(remote, { allowsFiles: false, networks: [] }, resolve),
      { name: 'RefusedError' },
      host,
    );
  }
  const permitted = async (host: string, networks: readonly string[], addresses: readonly string[]) =>
    await permittedAddress(parseRemote(`https://${host}/a`), { allowsFiles: false, networks }, async () => addresses);
  t.equal(
    await permitted('a.example', [], ['192.0.2.1', '198.51.100.1']),
    '192.0.2.1',
    'what was checked is connected to',
  );
  await t.rejects(
    permitted('a.example', [], ['192.0.2.1', '127.0.0.1']),
    refusedAs('AddressNotAllowed'),
    'one is enough',
  );
  t.equal(await permitted('10.1.2.3', ['10.1.0.0/16'], []), '10.1.2.3', 'a network that the operator allows');
  await t.rejects(permitted('10.2.2.3', ['10.1.0.0/16'], []), refusedAs('AddressNotAllowed'));
  const file = parseRemote('file:///srv/a.git');
  await t.rejects(permittedAddress(file, { allowsFiles: false }, resolve), refusedAs('UrlNotAllowed'));
});

await t.test('nothing that a repository holds is followed, fetched or run', async (t) => {
  const repository = await createRepository(directory, 'malicious');
  const marker = join(directory, 'was-run');
  await repository.write('.gitattributes', '*.yaml filter=run\n');
  await repository.write('.gitmodules', `[submodule "x"]\n\tpath = sub\n\turl = ext::sh -c touch% ${marker}\n`);
  await repository.write('plain.yaml', 'plain\n');
  await repository.link('out.yaml', '/etc/passwd');
  await repository.link('up', '../..');
  await repository.publish();
  await repository.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},sub`);
  await repository.git('commit', '--quiet', '-m', 'submodule');
  await repository.git('push', '--quiet', '--force', repository.directory, 'HEAD:main');
  for (const [name, value] of [
    ['uploadpack.packObjectsHook', `touch ${marker}`],
    ['core.fsmonitor', `touch ${marker}`],
    ['core.hooksPath', directory],
    ['filter.run.smudge', `touch ${marker}`],
  ] as const)
    await repository.git('--git-dir', repository.directory, 'config', name, value);
  const { tree } = await read({ url: repository.url, branch: 'main' });
  t.same([...(tree?.texts ?? [])], [['plain.yaml', 'plain\n']]);
  t.same(tree?.links.toSorted(), ['out.yaml', 'sub', 'up']);
  t.notOk(existsSync(marker), 'nothing was run');
});

await t.test('a repository may be as large as it likes: it is left at a bound', async (t) => {
  const repository = await createRepository(directory, 'huge');
  await repository.write('noise.bin', randomBytes(8 * mebibyte).toString('latin1'));
  await repository.write('small.yaml', 'small\n');
  await repository.publish();
  const order = { url: repository.url, branch: 'main' };
  t.match(await refusal(order, { maxFetchBytes: 4 * mebibyte }), /^FetchFailed/);
  t.same(texts(await read(order)), { 'small.yaml': 'small\n' }, 'within the bound');
  await repository.write('large.yaml', 'x'.repeat(10_001));
  await repository.publish();
  t.match(await refusal(order), /^ReadFailed: .*"large\.yaml" is larger than 10000 bytes/);
  await repository.git('rm', '--quiet', 'large.yaml');
  for (let index = 0; index < 101; index += 1) await repository.write(`many/${index}.yaml`, 'x');
  await repository.publish();
  t.match(await refusal(order), /^ReadFailed: .*more than 100 files/);
});

await t.test('a tree that names itself over and over is not unfolded', async (t) => {
  const repository = await createRepository(directory, 'bomb');
  await repository.write('f', 'f');
  await repository.publish();
  let entry = `100644 blob ${await repository.git('rev-parse', 'HEAD:f')}`;
  for (let depth = 0; depth < 10; depth += 1) {
    const list = Array.from({ length: 10 }, (_, index) => `${entry}\tname-${index}\n`).join('');
    await repository.write('list', list);
    const tree = await repository.git('-c', 'alias.mk=!git mktree <list', 'mk');
    entry = `040000 tree ${tree}`;
  }
  const commit = await repository.git('commit-tree', '-m', 'bomb', entry.split(' ')[2] ?? '');
  await repository.git('push', '--quiet', '--force', repository.directory, `${commit}:refs/heads/main`);
  t.match(await refusal({ url: repository.url, branch: 'main' }), /^ReadFailed: .*wrote more than it may/);
});

await t.test(
  'over SSH a repository is read with the key and the host key of the Secret, and not without',
  async (t) => {
    const server = await startSshServer(t);
    const repository = await createRepository(directory, 'remote');
    await repository.write('one.yaml', 'one\n');
    const commit = await repository.publish();
    const order = { url: server.urlOf(repository), branch: 'main' };
    const credentials = {
      privateKey: server.credentials['ssh-privatekey'],
      knownHosts: server.credentials.known_hosts,
    };
    const content = await read(order, { credentials });
    t.same([content.commit, texts(content)], [commit, { 'one.yaml': 'one\n' }]);
    const pinned = await read(order, { credentials, policy: { allowsFiles: false, networks: ['127.0.0.0/8'] } });
    t.equal(pinned.commit, commit, 'by the address that was checked');
    t.match(await refusal(order, { credentials: { ...credentials, knownHosts: '' } }), /^FetchFailed: .*[Hh]ost key/);
    t.match(await refusal(order, { credentials: { ...credentials, privateKey: undefined } }), /^FetchFailed: .*denied/);
    const other = await createSshKey(join(directory, 'other'));
    t.match(await refusal(order, { credentials: { ...credentials, privateKey: other.privateKey } }), /denied/);
    t.match(await refusal(order, { credentials, policy: { allowsFiles: false, networks: [] } }), /^AddressNotAllowed/);
  },
);

await t.test('where signatures are asked for, a commit counts that one of the keys signed', async (t) => {
  const repository = await createRepository(directory, 'signed');
  const [ssh, stranger] = [await createSshKey(join(directory, 'ssh')), await createSshKey(join(directory, 'stranger'))];
  const pgp = await createOpenPgpKey(join(directory, 'pgp'));
  const otherPgp = await createOpenPgpKey(join(directory, 'pgp-of-another'));
  const signers = { allowedSigners: `jane@acme.example ${ssh.publicKey}`, openPgpKeys: [pgp.publicKey] };
  const order = { url: repository.url, branch: 'main' };
  const signedWith = async (...settings: readonly string[]): Promise<void> => {
    for (const setting of settings) await repository.git('config', ...(setting.split('=', 2) as [string, string]));
    await repository.write('one.yaml', settings.join());
    await repository.publish('--gpg-sign');
  };
  await repository.write('one.yaml', 'unsigned');
  await repository.publish();
  t.match(await refusal(order, { signers }), /^SignatureInvalid: Commit \w+ is not signed/);
  t.ok((await read(order)).tree, 'where none are asked for it is taken');
  await signedWith('gpg.format=ssh', `user.signingKey=${join(directory, 'stranger')}`);
  t.match(await refusal(order, { signers }), /^SignatureInvalid/, 'by a stranger');
  t.ok(stranger.publicKey);
  await signedWith('gpg.format=ssh', `user.signingKey=${join(directory, 'ssh')}`);
  t.ok((await read(order, { signers })).tree, 'by SSH');
  t.match(
    await refusal(order, { signers: { openPgpKeys: [pgp.publicKey] } }),
    /^SignatureInvalid/,
    'by a key that does not count',
  );
  await signedWith('gpg.format=openpgp', 'user.signingKey=jane@acme.example', `gpg.program=${otherPgp.program}`);
  t.match(await refusal(order, { signers }), /^SignatureInvalid/, 'by another OpenPGP key of the same name');
  await signedWith('gpg.format=openpgp', `gpg.program=${pgp.program}`);
  t.ok((await read(order, { signers })).tree, 'by OpenPGP');
});

await t.test('nothing is left of a look', async (t) => t.same(await readdir(work), []));
