import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { stringify } from 'yaml';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { retainedDataKind, type RetainedData } from '#schemas/index.ts';
import { createRepository, openDirectory, startSshServer } from '#test/lab/git.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { annotateSource, declareSource, sourceSays, sourceType } from '#test/lab/sources.ts';
import { aDomain, declare, declareTenant, domainType, secretType, tenantType } from '#test/lab/tenants.ts';

const instance = await startInstance({ flags: ['--source-networks', '127.0.0.0/8'] });
const files = await mkdtemp(join(tmpdir(), 'wcp360-gitops-'));
await chmod(files, 0o755);
t.teardown(async () => {
  await instance.stop();
  await rm(files, { recursive: true, force: true });
});

const client = await instance.client();
const server = await startSshServer(t);
const repositories = await openDirectory(t);
await declareTenant(client, 'acme');
await declareTenant(client, 'other');

async function place(path: string, ...objects: readonly object[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, objects.map((object) => stringify(object)).join('---\n'));
  await rename(`${path}.new`, path);
}

const page = (name: string, tenant = 'acme'): object =>
  aDomain(tenant, name, { redirect: { to: `https://${name}.example/` } });

async function redirects(name: string, tenant = 'acme'): Promise<void> {
  await until(
    async () =>
      (await instance.http(`${name}.${tenant}.test`)).headers['location']?.startsWith(`https://${name}.example/`),
    `${name}.${tenant}.test to be served`,
  );
}

const live = async (name: string, namespace = 'acme') => await client.get(domainType, { namespace, name });

await t.test('a directory is applied and served, and followed', async (t) => {
  const directory = join(files, 'followed');
  await place(join(directory, 'sites/one.yaml'), aDomain('acme', 'one'));
  await declareSource(client, { name: 'followed' }, { directory: { path: directory }, interval: '1h' });
  const { status } = await sourceSays(client, { name: 'followed' }, { reason: 'Applied' });
  t.same(status.inventory, ['Domain.hosting.wcp360.io/acme/one']);
  t.same(status.changes, [{ action: 'Created', object: 'Domain.hosting.wcp360.io/acme/one' }]);
  await until(async () => (await instance.http('one.acme.test')).status === 200, 'the site');

  const startedAtMs = performance.now();
  await place(join(directory, 'sites/two.yaml'), page('two'));
  await redirects('two');
  t.comment(`served ${Math.round(performance.now() - startedAtMs)} ms after the change`);

  await rm(join(directory, 'sites/one.yaml'));
  await until(async () => (await live('one')) === undefined, 'what is no longer there to be pruned');
  t.ok(await live('two'), 'and nothing else');
  const kept = await client.list<RetainedData>(resourceTypeOf(retainedDataKind));
  t.match(
    kept.items.map(({ spec }) => spec.objectRef),
    [{ kind: 'Domain', namespace: 'acme', name: 'one' }],
    'the deletionPolicy of what is pruned is obeyed: its data is kept',
  );
});

await t.test('what is wrong is told with file and line, and the state before stays', async (t) => {
  const directory = join(files, 'broken');
  await place(join(directory, 'a.yaml'), page('a'));
  await declareSource(client, { name: 'broken' }, { directory: { path: directory } });
  await sourceSays(client, { name: 'broken' }, { reason: 'Applied' });
  await writeFile(join(directory, 'b.yaml'), `${stringify(page('b'))}---\nkind: [Domain\n`);
  const syntax = await sourceSays(client, { name: 'broken' }, { reason: 'ManifestsInvalid' });
  t.match(syntax.message, /^b\.yaml:\d+: /);
  t.match(syntax.status.faults, [{ file: 'b.yaml', message: /\w/ }]);
  t.ok((syntax.status.faults?.[0]?.line ?? 0) >= 8, 'the line of the fault');
  await rm(join(directory, 'a.yaml'));
  await place(join(directory, 'b.yaml'), page('b'), aDomain('acme', 'c', { hostname: 'a..b' }));
  const schema = await sourceSays(
    client,
    { name: 'broken' },
    { reason: 'ManifestsInvalid', message: /spec\.hostname/ },
  );
  t.match(schema.message, /^b\.yaml:\d+: Domain acme\/c: spec\.hostname: Invalid value: "a\.\.b"/);
  t.ok(await live('a'), 'what is gone from a broken revision is not pruned');
  t.equal(await live('b'), undefined, 'nothing of a broken revision is applied');
  await place(join(directory, 'b.yaml'), page('b'));
  await until(async () => (await live('a')) === undefined && (await live('b')) !== undefined, 'the mended state');
});

await t.test('nothing is pruned when everything is gone, until a person confirms it', async (t) => {
  const directory = join(files, 'gone');
  const name = { name: 'gone' };
  await place(join(directory, 'kept.yaml'), page('kept'));
  await declareSource(client, name, { directory: { path: directory } });
  await sourceSays(client, name, { reason: 'Applied' });
  await rename(directory, `${directory}.away`);
  const vanished = await sourceSays(client, name, { reason: 'PathVanished' });
  t.match(vanished.message, /is not there\. The 1 objects .* stay\. .*wcpctl annotate source gone -n wcp360-system/);
  t.ok(await live('kept'));
  await mkdir(directory);
  const { message } = await sourceSays(client, name, { reason: 'SourceEmpty' });
  await annotateSource(client, name, { confirm: 'something-else' });
  await annotateSource(client, name, { requestedAt: 'now' });
  await until(
    async () => (await sourceSays(client, name, { reason: 'SourceEmpty' })).status.lastHandledRequestAt === 'now',
    'a look',
  );
  t.ok(await live('kept'), 'another word confirms nothing');
  const [, confirm = ''] = /confirm=(\w+)/.exec(message) ?? [];
  await annotateSource(client, name, { confirm });
  await sourceSays(client, name, { reason: 'Applied' });
  await until(async () => (await live('kept')) === undefined, 'what was confirmed');
});

await t.test('links are not followed, and what cannot be read is no reason to prune', async (t) => {
  const directory = join(files, 'links');
  const name = { name: 'links' };
  await place(join(files, 'outside/secret.yaml'), page('outside'));
  await place(join(directory, 'inside.yaml'), page('inside'));
  await declareSource(client, name, { directory: { path: directory } });
  await sourceSays(client, name, { reason: 'Applied' });
  await symlink(join(files, 'outside'), join(directory, 'way-out'));
  await rm(join(directory, 'inside.yaml'));
  const linked = await sourceSays(client, name, { reason: 'ManifestsInvalid' });
  t.match(linked.message, /^way-out:1: is a link/);
  await rm(join(directory, 'way-out'));
  await place(join(directory, 'closed/other.yaml'), page('closed'));
  await chmod(join(directory, 'closed'), 0o700);
  await sourceSays(client, name, { reason: 'ReadFailed' });
  t.ok(await live('inside'));
  t.equal(await live('outside'), undefined);
});

await t.test('what somebody changes by hand is put back and told; a suspended Source does nothing', async (t) => {
  const directory = join(files, 'drift');
  const name = { name: 'drift' };
  const wanted = page('drift');
  await place(join(directory, 'drift.yaml'), wanted);
  await declareSource(client, name, { directory: { path: directory } });
  await sourceSays(client, name, { reason: 'Applied' });
  await declare(client, domainType, aDomain('acme', 'drift', { redirect: { to: 'https://by-hand.example/' } }));
  const { status } = await until(async () => {
    const said = await sourceSays(client, name, { reason: 'Applied' });
    return said.status.drift?.length === 1 ? said : undefined;
  }, 'the drift to be told');
  t.same(status.drift, ['Domain.hosting.wcp360.io/acme/drift']);
  t.match(await live('drift'), wanted);

  const suspend = await instance.wcpctl(['source', 'suspend', 'drift', '-n', 'wcp360-system']);
  t.equal(suspend.exitCode, 0, suspend.stderr);
  await sourceSays(client, name, { reason: 'Suspended' });
  await client.delete(domainType, { namespace: 'acme', name: 'drift' });
  await rm(join(directory, 'drift.yaml'));
  await place(join(directory, 'later.yaml'), page('later'));
  await instance.wcpctl(['source', 'resume', 'drift', '-n', 'wcp360-system']);
  const reconciled = await instance.wcpctl(['source', 'reconcile', 'drift', '-n', 'wcp360-system']);
  t.match(reconciled, { exitCode: 0, stdout: /sha256:\w+ is applied: 1 objects/ });
  t.ok(await live('later'));
});

async function placeSecret(name: string, namespace: string, stringData: object): Promise<void> {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
  await client.apply(secretType, secret, { fieldManager: 'lab', force: true });
}

const manifest = (...objects: readonly object[]): string => objects.map((object) => stringify(object)).join('---\n');

await t.test('a commit to a repository of the machine is served, whatever was there before', async (t) => {
  const repository = await createRepository(repositories, 'local');
  const name = { name: 'local' };
  await repository.write('sites/git-one.yaml', manifest(page('git-one')));
  const first = await repository.publish();
  await declareSource(client, name, { git: { url: repository.url, ref: { branch: 'main' }, path: 'sites' } });
  const { status } = await sourceSays(client, name, { reason: 'Applied', revision: first });
  t.equal(status.revision, `main@sha1:${first}`);
  await redirects('git-one');

  await repository.write('sites/git-two.yaml', manifest(page('git-two')));
  const startedAtMs = performance.now();
  const second = await repository.publish();
  await redirects('git-two');
  t.comment(`served ${Math.round(performance.now() - startedAtMs)} ms after the commit, with an interval of 5 s`);
  await sourceSays(client, name, { reason: 'Applied', revision: second });

  await repository.write('sites/git-two.yaml', `${manifest(page('git-two'))}---\nspec: [\n`);
  const broken = await repository.publish();
  const told = await sourceSays(client, name, { reason: 'ManifestsInvalid', revision: broken });
  t.match(told.message, /^sites\/git-two\.yaml:\d+: /);
  t.equal(told.status.revision, `main@sha1:${second}`, 'the revision before stays');
  await redirects('git-two');

  await repository.git('reset', '--quiet', '--hard', first);
  await repository.write('sites/git-three.yaml', manifest(page('git-three')));
  const forced = await repository.publish();
  await sourceSays(client, name, { reason: 'Applied', revision: forced });
  await until(async () => (await live('git-two')) === undefined, 'what only the history before had to be pruned');
  t.ok(await live('git-three'));

  await repository.git('mv', 'sites', 'elsewhere');
  await repository.publish();
  const vanished = await sourceSays(client, name, { reason: 'PathVanished' });
  t.match(vanished.message, /has no directory "sites"\. The 2 objects .* stay/);
  t.ok((await live('git-one')) && (await live('git-three')));

  await rename(repository.directory, `${repository.directory}.away`);
  await sourceSays(client, name, { reason: 'FetchFailed' });
  t.ok((await live('git-one')) && (await live('git-three')), 'a repository that is away is no reason to prune');
});

await t.test('a tenant’s repository over SSH may declare what the tenant may, and nothing else', async (t) => {
  const repository = await createRepository(repositories, 'tenant');
  const name = { name: 'own', namespace: 'other' };
  await repository.write('shop.yaml', manifest({ ...page('shop', 'other'), metadata: { name: 'shop' } }));
  const commit = await repository.publish();
  const spec = { git: { url: server.urlOf(repository), secretRef: { name: 'key' } } };
  await declareSource(client, name, spec);
  await sourceSays(client, name, { reason: 'SecretNotFound' });
  await placeSecret('key', 'other', server.credentials);
  const { status } = await sourceSays(client, name, { reason: 'Applied', revision: commit });
  t.same(status.inventory, ['Domain.hosting.wcp360.io/other/shop'], 'what names no namespace goes into its own');
  await redirects('shop', 'other');

  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const forbidden: Readonly<Record<string, object>> = {
    'a Domain of another tenant': page('stolen', 'acme'),
    'a Domain of a tenant that is not there': page('stolen', 'nobody'),
    'a ClusterRole': { apiVersion, kind: 'ClusterRole', metadata: { name: 'mine' }, rules: [] },
    'a RoleBinding': {
      ...{ apiVersion, kind: 'RoleBinding', metadata: { name: 'mine' } },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'other' }],
    },
    'a Tenant': { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'Tenant', metadata: { name: 'mine' }, spec: {} },
    'a Namespace': { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'mine' } },
    'a kind of its own': {
      ...{
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: 'mines.x.example' },
      },
      spec: {
        ...{ group: 'x.example', scope: 'Namespaced', names: { plural: 'mines', kind: 'Mine' } },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    },
  };
  for (const [what, object] of Object.entries(forbidden)) {
    await repository.write('more.yaml', manifest(page('more', 'other'), object));
    const revision = await repository.publish();
    await annotateSource(client, name, { requestedAt: what });
    const { message } = await sourceSays(client, name, { reason: 'ManifestsInvalid', revision });
    t.match(message, /^more\.yaml:\d+: .*(forbidden|cannot)/, what);
    t.equal(await live('more', 'other'), undefined, `${what}: nothing else of the revision is applied`);
  }
  t.equal(await live('stolen'), undefined);

  const refused: readonly (readonly [reason: string, spec: object])[] = [
    ['DirectoryNotAllowed', { directory: { path: '/etc' } }],
    ['UrlNotAllowed', { git: { url: repository.url } }],
    ['AddressNotAllowed', { git: { url: 'https://169.254.169.254/a.git' } }],
    ['AccountNotAllowed', { ...spec, serviceAccountName: 'stranger' }],
  ];
  for (const [index, [reason, wrong]] of refused.entries()) {
    await declareSource(
      client,
      { name: `wrong-${index}`, namespace: 'other' },
      wrong as Readonly<Record<string, unknown>>,
    );
    const { message } = await sourceSays(client, { name: `wrong-${index}`, namespace: 'other' }, { reason });
    t.match(message, / .*\.$/, reason);
  }
});

await t.test(
  'the rights of its account bound a Source of the platform, too; with all rights it may bring kinds',
  async (t) => {
    const repository = await createRepository(repositories, 'kinds');
    const name = { name: 'kinds' };
    const definition = {
      ...{
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: 'things.x.example' },
      },
      spec: {
        ...{ group: 'x.example', scope: 'Namespaced', names: { plural: 'things', kind: 'Thing', singular: 'thing' } },
        versions: [
          {
            ...{ name: 'v1', served: true, storage: true },
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } },
              },
            },
          },
        ],
      },
    };
    const thing = {
      apiVersion: 'x.example/v1',
      kind: 'Thing',
      metadata: { name: 'first', namespace: 'fresh' },
      spec: { a: 'b' },
    };
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fresh' } };
    await repository.write('a-thing.yaml', manifest(thing));
    await repository.write('b-rest.yaml', manifest(namespace, definition));
    await repository.publish();
    await declareSource(client, name, { git: { url: repository.url }, serviceAccountName: 'default' });
    const { message } = await sourceSays(client, name, { reason: 'ManifestsInvalid' });
    t.match(message, /\.yaml:\d+: .*(forbidden|cannot)/);
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'gitops-test' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'wcp360-system' }],
    };
    const bindings = {
      group: 'rbac.authorization.k8s.io',
      version: 'v1',
      resource: 'clusterrolebindings',
      kind: 'ClusterRoleBinding',
      namespaced: false,
    };
    await client.create(bindings, binding);
    const { status } = await sourceSays(client, name, { reason: 'Applied' });
    t.same(
      status.changes?.map(({ object }) => object),
      [
        'CustomResourceDefinition.apiextensions.k8s.io/things.x.example',
        'Namespace/fresh',
        'Thing.x.example/fresh/first',
      ],
      'what others need comes first',
    );
  },
);

await t.test('the example of an agency with three customers is served from its repository', async (t) => {
  const example = join(import.meta.dirname, '../../examples/gitops');
  const texts = async (folder: string): Promise<readonly (readonly [path: string, text: string])[]> => {
    const names = (await readdir(join(example, folder), { recursive: true })).filter((name) => name.endsWith('.yaml'));
    return await Promise.all(
      names.map(async (path) => [`${folder}/${path}`, await readFile(join(example, folder, path), 'utf8')] as const),
    );
  };
  const [agency, clinic] = [
    await createRepository(repositories, 'agency'),
    await createRepository(repositories, 'clinic'),
  ];
  const here = (text: string): string =>
    text
      .replace('ssh://git@git.example.org/agency/hosting.git', server.urlOf(agency))
      .replace('ssh://git@git.example.org/clinic/sites.git', server.urlOf(clinic));
  for (const [path, text] of await texts('clusters')) await agency.write(path, here(text));
  for (const [path, text] of await texts('repository-of-clinic')) await clinic.write(path, text);
  const revision = await agency.publish();
  await clinic.publish();
  await placeSecret('agency-key', 'wcp360-system', server.credentials);
  const bootstrap = here(await readFile(join(example, 'bootstrap/built-in.yaml'), 'utf8'));
  t.match(await instance.wcpctl(['apply', '-f', '-'], { input: bootstrap }), { exitCode: 0 });
  // A Kubernetes takes half a minute until it counts what a new namespace may hold.
  await until(
    async () => await sourceSays(client, { name: 'agency' }, { reason: 'Applied', revision }),
    'the agency’s repository to be applied',
    300_000,
  );
  await placeSecret('repository-key', 'clinic', server.credentials);
  await instance.wcpctl(['source', 'reconcile', 'own', '-n', 'clinic']);
  for (const hostname of ['bakery.example', 'studio.example', 'clinic.example']) {
    await until(async () => (await instance.http(hostname)).status === 200, `${hostname} to be served`);
  }
  t.equal((await instance.http('old-studio.example')).headers['location'], 'https://studio.example/');
});

await t.test('a tenant whose Git servers never answer keeps nobody else waiting', async (t) => {
  const held = new Set<Socket>();
  const silent = createServer((socket) => void held.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const names = Array.from({ length: 24 }, (_, index) => ({ name: `silent-${index}`, namespace: 'other' }));
  t.teardown(async () => {
    silent.close();
    for (const socket of held) socket.destroy();
    for (const { name, namespace } of names) await client.delete(sourceType, { name, namespace });
  });
  for (const name of names) await declareSource(client, name, { git: { url: `https://127.0.0.1:${port}/a.git` } });
  await until(() => held.size >= 2, 'the silent server to be asked');
  const directory = join(files, 'prompt');
  await place(join(directory, 'prompt.yaml'), page('prompt'));
  await declareSource(client, { name: 'prompt' }, { directory: { path: directory } });
  await sourceSays(client, { name: 'prompt' }, { reason: 'Applied' });
  t.ok(await live('prompt'));
});

await t.test('deleting a Source leaves what it applied', async (t) => {
  await client.delete(sourceType, { namespace: 'wcp360-system', name: 'followed' });
  await until(
    async () => (await client.get(sourceType, { namespace: 'wcp360-system', name: 'followed' })) === undefined,
    'the Source to go',
  );
  t.ok(await live('two'));
});

await t.test('a tenant goes with its Sources', async (t) => {
  await client.delete(tenantType, { name: 'clinic' });
  await until(async () => (await client.get(tenantType, { name: 'clinic' })) === undefined, 'the tenant to go', 90_000);
  t.equal(await client.get(sourceType, { namespace: 'clinic', name: 'own' }), undefined);
});
