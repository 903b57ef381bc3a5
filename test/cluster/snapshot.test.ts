import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '#runtime/base/clock.ts';
import { required } from '#runtime/base/errors.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { createInformer } from '#runtime/manager/informer.ts';
import type { Store } from '#runtime/storage/store.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { websiteDefinition } from '#test/builders/website-definition.ts';
import { erase } from '#test/contracts/snapshot.ts';
import { startEtcd } from '#test/lab/etcd.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { startKubernetes } from '#test/lab/kubernetes.ts';
import { kubernetesDirectory, noKubernetes } from '#test/lab/kubernetes-programs.ts';
import { memoryDirectory } from '#test/lab/memory-directory.ts';
import { replicasOn } from '#test/lab/replicas.ts';
import { run, type Ended } from '#test/lab/run.ts';
import { configMapType, eventually } from '#test/lab/widgets.ts';

const programOf = (name: string): readonly string[] => [
  '--disable-warning=DEP0123',
  join(import.meta.dirname, `../../runtime/cmd/${name}.ts`),
];
const manyObjects = 10_000;

const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-snapshot-'));
const etcd = await startEtcd({ tls: true });
const tls = required(etcd.tls, 'the way to etcd');
const encryptionKeyFile = `main:${randomBytes(32).toString('base64')}\n`;
const [replica] = await replicasOn({ endpoints: [etcd.endpoint], tls, directory }, 1, { encryptionKeyFile });
const { api, server, serverConfig } = required(replica, 'a server');
const snapshot = join(directory, 'store.snapshot');
t.teardown(async () => {
  await server.kill();
  api.close();
  await etcd.stop();
  await rm(directory, { recursive: true, force: true });
});
server.start();
await ready();

async function ready(): Promise<void> {
  await eventually(
    async () => (await api.request('GET', '/readyz').catch(() => undefined))?.status === 200,
    'a server to be ready',
    30_000,
  );
}

function wcpctl(...words: readonly string[]): Promise<Ended> {
  return run([process.execPath, ...programOf('wcpctl'), '--kubeconfig', api.kubeconfig, ...words]);
}

const restoring = ['snapshot', 'restore', snapshot, '--config', serverConfig] as const;

async function withStore<T>(use: (store: Store) => Promise<T>): Promise<T> {
  const store = await etcd.open();
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** All objects but Events as a client sees them, but for their resourceVersion. */
async function allObjects(): Promise<ReadonlyMap<string, unknown>> {
  const objects = new Map<string, unknown>();
  const resources = [
    '/api/v1/configmaps',
    '/api/v1/secrets',
    '/api/v1/namespaces',
    '/api/v1/serviceaccounts',
    '/apis/wcp.example/v1/websites',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ];
  for (const path of resources) {
    const { body } = await api.request('GET', path);
    for (const { metadata, ...rest } of body.items) {
      const { resourceVersion: _, ...kept } = metadata;
      objects.set(`${path} ${metadata.namespace}/${metadata.name}`, { ...rest, metadata: kept });
    }
  }
  return objects;
}

async function create(path: string, body: object): Promise<void> {
  const { status, text } = await api.request('POST', path, { body });
  if (status !== 201) throw new Error(text);
}

/** Copies of a ConfigMap, each with a uid of its own, put beneath the server to be quick. */
async function multiply(): Promise<void> {
  await withStore(async (store) => {
    const key = '/registry/core/configmaps/default/one';
    const one = required((await store.read(key)).entry, 'the first').value.toString();
    const copy = (n: number) => ({
      key: `${key}-${n}`,
      value: Buffer.from(
        one.replace('"name":"one"', `"name":"one-${n}"`).replace(/"uid":"[^"]*"/, `"uid":"${randomUUID()}"`),
      ),
    });
    for (let at = 0; at < manyObjects; at += 100)
      await store.commit({ if: [], put: Array.from({ length: 100 }, (_, n) => copy(at + n)) });
  });
}

/** A follower of ConfigMaps, as controllers and agents have them, over all that happens to its server. */
async function follow(t: Test) {
  const client = createClient(await loadKubeconfig({ path: api.kubeconfig }));
  const backoff = { firstMs: 20, maxMs: 200, factor: 2, jitterRatio: 0 };
  const informer = createInformer({ client, type: configMapType, log: silentLogger, clock: systemClock, backoff });
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  t.teardown(async () => {
    stop.abort(new Error('the test is over'));
    await running;
    await client.close();
  });
  await informer.synced;
  return informer;
}

t.test('what is saved can be restored on a new machine, and every client finds out', async (t) => {
  await create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', websiteDefinition());
  const site = { apiVersion: 'wcp.example/v1', kind: 'Website', metadata: { name: 'shop' }, spec: { host: 'one' } };
  await eventually(
    async () =>
      (await api.request('POST', '/apis/wcp.example/v1/namespaces/default/websites', { body: site })).status === 201,
    'the kind to be served',
  );
  await create('/api/v1/namespaces/default/secrets', {
    metadata: { name: 'password' },
    stringData: { text: 'correct horse' },
  });
  await create('/api/v1/namespaces/default/configmaps', {
    metadata: { name: 'one', labels: { a: 'b' } },
    data: { text: 'x'.repeat(300) },
  });
  await multiply();
  const informer = await follow(t);

  const saved = await wcpctl('snapshot', 'save', snapshot);
  t.equal(saved.exitCode, 0, saved.stderr);
  t.match(saved.stdout, /the server's key file must hold: main \([0-9a-f]{16}\)/);
  t.equal((await stat(snapshot)).mode & 0o777, 0o600);
  t.notOk((await readFile(snapshot)).includes('correct horse'));
  const before = await allObjects();
  t.ok(before.size > manyObjects);

  const { body: known } = await api.request('GET', '/api/v1/namespaces/default/configmaps/one');
  for (let n = 0; n < 50; n++)
    await create('/api/v1/namespaces/default/configmaps', { metadata: { name: `after-${n}` } });
  await api.request('DELETE', '/api/v1/namespaces/default/configmaps/one-5');
  await eventually(
    () => informer.store.get('default/after-49') !== undefined,
    'the follower to know what is lost soon',
  );
  const { body: last } = await api.request('GET', '/api/v1/configmaps?limit=1');

  await server.kill();
  await etcd.replace();
  const restored = await wcpctl(...restoring);
  t.equal(restored.exitCode, 0, restored.stderr);
  server.start();
  await ready();
  t.same(await allObjects(), before, 'every object with its uid, generation, times and managed fields');

  for (const version of [known.metadata.resourceVersion, last.metadata.resourceVersion]) {
    const watch = await api.watch(`/api/v1/configmaps?watch=true&resourceVersion=${version}`);
    await watch.until(1);
    t.match(watch.events[0], { type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    watch.close();
  }
  const stale = { ...known, data: { text: 'written by somebody who has not looked' } };
  t.equal((await api.request('PUT', '/api/v1/namespaces/default/configmaps/one', { body: stale })).status, 409);
  await eventually(() => informer.store.get('default/after-49') === undefined, 'the follower to have listed again');
  t.equal(informer.store.get('default/one-5')?.metadata.name, 'one-5');
  await create('/api/v1/namespaces/default/configmaps', { metadata: { name: 'goes-on' } });
  await eventually(() => informer.store.get('default/goes-on') !== undefined, 'the follower to follow');
});

t.test('a restore that is killed at any moment lets no server start, and is done when run again', async (t) => {
  await server.kill();
  const tryCount = 3;
  let unfinished = 0;
  for (let tries = 0; tries < tryCount; tries++) {
    await withStore(erase);
    const child = spawn(process.execPath, [...programOf('wcpctl'), ...restoring], { stdio: 'ignore' });
    const isOver = new Promise((resolve) => child.on('exit', resolve));
    const wanted = (manyObjects * tries) / tryCount;
    await withStore(async (store) =>
      eventually(async () => {
        const { entries, remaining } = await store.range('/registry/', { limit: 1 });
        return child.exitCode !== null || entries.length + remaining > wanted;
      }, 'the restore to have come so far'),
    );
    child.kill('SIGKILL');
    await isOver;
    const started = await run([
      process.execPath,
      ...programOf('wcpd'),
      'server',
      '--config',
      serverConfig,
      '--listen',
      '127.0.0.1:0',
    ]);
    if (started.stderr.includes('has not ended')) unfinished += 1;
    t.equal(started.exitCode, 1, started.stderr);
  }
  t.equal(unfinished, tryCount);
  const again = await wcpctl(...restoring);
  t.equal(again.exitCode, 0, again.stderr);
  server.start();
  await ready();
  t.ok((await allObjects()).size > manyObjects);
});

t.test('what cannot be restored is said in one sentence, and nothing is lost', async (t) => {
  const inUse = await wcpctl(...restoring);
  t.match(inUse, { exitCode: 1, stderr: /store\.snapshot: The store is not empty: a server uses it/ });
  const whole = await readFile(snapshot);
  const cut = join(directory, 'cut.snapshot');
  await writeFile(cut, whole.subarray(0, whole.length / 2));
  for (const words of [
    ['status', cut],
    ['restore', cut, '--config', serverConfig],
  ])
    t.match(await wcpctl('snapshot', ...words), {
      exitCode: 1,
      stderr: /^error: .*cut\.snapshot: the snapshot is cut short: it ends after \d+ bytes\n$/,
    });
  t.match(await wcpctl('snapshot', 'status', snapshot), {
    exitCode: 0,
    stdout: /sha256 [0-9a-f]{64}, ok[^]*main \([0-9a-f]{16}\)[^]*websites\.wcp\.example +1\n/,
  });
  t.match(await wcpctl('snapshot', 'status', join(directory, 'none')), { exitCode: 1, stderr: /none/ });
  t.match(await wcpctl('snapshot', 'save', join(directory, 'none/file')), { exitCode: 1, stderr: /none\/file/ });
});

t.test('a save that breaks off leaves the snapshot that was there, and nothing beside it', async (t) => {
  const before = await readFile(snapshot);
  const saving = wcpctl('snapshot', 'save', snapshot);
  await eventually(async () => (await readdir(directory)).some((name) => name.endsWith('.new')), 'the save to begin');
  await server.kill();
  const broken = await saving;
  server.start();
  await ready();
  t.equal(broken.exitCode, 1, broken.stdout);
  t.ok((await readFile(snapshot)).equals(before));
  t.same(
    (await readdir(directory)).filter((name) => name.endsWith('.new')),
    [],
  );
});

t.test('only an administrator of everything may save, and the audit log tells who did', async (t) => {
  const lab = await startLabServer();
  t.teardown(() => lab.stop());
  const nobody = await lab.authority.client('eve', ['people']);
  t.equal((await lab.request('GET', '/snapshot', { identity: nobody })).status, 403);
  t.equal((await lab.request('GET', '/snapshot', { identity: null })).status, 403);
  t.equal((await lab.request('POST', '/snapshot')).status, 404);
  t.equal((await lab.request('GET', '/snapshot')).status, 200);
  const lines = lab.auditLines.map((line) => JSON.parse(line)).filter(({ requestURI }) => requestURI === '/snapshot');
  t.match(
    lines.filter(({ responseStatus }) => responseStatus.code === 200),
    [{ user: { username: 'admin' } }, { stage: 'ResponseComplete' }],
  );
});

const skip = kubernetesDirectory() === undefined ? noKubernetes : false;
t.test('another Kubernetes has no snapshots to give, and is said to', { skip }, async (t) => {
  const kubernetes = await startKubernetes();
  t.teardown(() => kubernetes.stop());
  const file = join(directory, 'kubernetes.snapshot');
  const ended = await wcpctl('snapshot', 'save', file, '--kubeconfig', kubernetes.kubeconfig);
  t.match(ended, { exitCode: 1, stderr: /another Kubernetes, whose etcd is backed up by who runs that cluster/ });
  t.same(
    (await readdir(directory)).filter((name) => name.startsWith('kubernetes')),
    [],
  );
});
