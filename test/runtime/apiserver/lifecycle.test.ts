import t from 'tap';
import { createAdmissionPlugins } from '#runtime/apiserver/admission/plugins.ts';
import { createAuthenticator } from '#runtime/apiserver/auth/authenticator.ts';
import { createRbacAuthorizer } from '#runtime/apiserver/auth/rbac/authorizer.ts';
import { createTokenIssuer } from '#runtime/apiserver/auth/tokens/issuer.ts';
import { instanceFinalizer } from '#runtime/apiserver/lifecycle/definitions.ts';
import { startLifecycle } from '#runtime/apiserver/lifecycle/start.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { newKey } from '#runtime/config/pki/issue.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import type { Store } from '#runtime/storage/store.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import type { KubeObject, OwnerReference } from '#schemas/meta/object.ts';
import { openWorld, rbac, type World } from './memory-operations.ts';

const rootCertificates = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';
const tokens = createTokenIssuer({ key: newKey(), issuer: 'https://kubernetes.default.svc' });

interface Running extends World {
  /** Stops the life cycle as a killed process would: nothing is finished. */
  stop(): Promise<void>;
}

async function open(options: { readonly store?: Store; readonly stopped?: boolean } = {}): Promise<Running> {
  const world = await openWorld(options.store);
  const authorizer = createRbacAuthorizer(world);
  world.use(createAdmissionPlugins({ cache: world.cache, authorizer, operations: world.operations }));
  const abort = new AbortController();
  const { operations, cache } = world;
  const running =
    options.stopped === true
      ? Promise.resolve()
      : startLifecycle({ operations, cache, log: silentLogger, signal: abort.signal, tokens, rootCertificates });
  return {
    ...world,
    stop: async () => {
      abort.abort();
      await running;
    },
  };
}

async function withLifecycle(test: (world: Running) => Promise<void>): Promise<void> {
  const world = await open();
  try {
    await world.create(namespace('a'));
    await test(world);
  } finally {
    await world.stop();
    await world.close();
  }
}

const namespace = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const site = (name: string, metadata: object = {}, at = 'a'): KubeObject => ({
  apiVersion: 'wcp.example/v1',
  kind: 'Website',
  metadata: { name, namespace: at, ...metadata },
});
const fleet = (name: string, metadata: object = {}): KubeObject => ({
  apiVersion: 'wcp.example/v1',
  kind: 'Fleet',
  metadata: { name, ...metadata },
});
const ownedBy = (...owners: readonly KubeObject[]) => ({ ownerReferences: owners.map((owner) => referenceTo(owner)) });
const referenceTo = (owner: KubeObject, blockOwnerDeletion = false): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  blockOwnerDeletion,
});

/** Waits until `probe` gives something; fails the test after five seconds. */
async function until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + 5000;
  while (Date.now() < end) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
  throw new Error(`timed out: ${what}`);
}
const settled = () => new Promise((resolve) => void setTimeout(resolve, 300));
const gone = (world: World, kind: string, name: string, at?: string) =>
  until(
    `${kind} ${name} is gone`,
    async () => (await world.get(kind, at === undefined ? { name } : { namespace: at, name })) === undefined,
  );
const siteAt = (world: World, name: string, at = 'a') => world.get('Website', { namespace: at, name });

t.test('dependents go with their last owner, and theirs with them', (t) =>
  withLifecycle(async (world) => {
    const first = await world.create(site('first'));
    const second = await world.create(site('second'));
    const child = await world.create(site('child', ownedBy(first)));
    await world.create(site('grandchild', ownedBy(child)));
    await world.create(site('shared', ownedBy(first, second)));
    await world.create(site('bystander'));
    await world.delete('Website', { namespace: 'a', name: 'first' });
    await gone(world, 'Website', 'child', 'a');
    await gone(world, 'Website', 'grandchild', 'a');
    const shared = await until('the reference is dropped', async () => {
      const found = await siteAt(world, 'shared');
      return found?.metadata.ownerReferences?.length === 1 ? found : undefined;
    });
    t.equal(shared.metadata.ownerReferences?.[0]?.uid, second.metadata.uid, 'one owner is left');
    t.ok(await siteAt(world, 'bystander'));
  }),
);

t.test('an owner that never was, or is a namesake, or stands elsewhere, is no owner', (t) =>
  withLifecycle(async (world) => {
    await world.create(namespace('b'));
    const real = await world.create(site('real'));
    const other = await world.create(site('elsewhere', {}, 'b'));
    const plate = await world.create(fleet('plate'));
    const reference = referenceTo(real);
    await world.create(site('namesake', { ownerReferences: [{ ...reference, uid: 'another' }] }));
    await world.create(site('abroad', ownedBy(other)));
    await world.create(site('kept', ownedBy(real)));
    await world.create(site('by-cluster', ownedBy(plate)));
    await world.create(site('unknown-kind', { ownerReferences: [{ ...reference, kind: 'Gone', uid: 'x' }] }));
    await world.create(fleet('of-namespaced', ownedBy(real)));
    await gone(world, 'Website', 'namesake', 'a');
    await gone(world, 'Website', 'abroad', 'a');
    await settled();
    t.ok(await siteAt(world, 'kept'));
    t.ok(await siteAt(world, 'by-cluster'), 'a cluster-scoped owner');
    t.ok(await siteAt(world, 'unknown-kind'), 'what cannot be looked up is no reason to delete');
    t.ok(await world.get('Fleet', { name: 'of-namespaced' }), 'nor is an owner that could never be found');
  }),
);

t.test('an owner deleted in the foreground waits for those that block it', (t) =>
  withLifecycle(async (world) => {
    const owner = await world.create(site('owner'));
    const held = { finalizers: ['x.example/held'] };
    await world.create(site('blocking', { ...held, ownerReferences: [referenceTo(owner, true)] }));
    await world.create(site('beside', { ...held, ownerReferences: [referenceTo(owner)] }));
    await world.create(site('free', { ownerReferences: [referenceTo(owner, true)] }));
    await world.delete('Website', { namespace: 'a', name: 'owner' }, 'Foreground');
    await gone(world, 'Website', 'free', 'a');
    await until(
      'the blocking one is being deleted',
      async () => (await siteAt(world, 'blocking'))?.metadata.deletionTimestamp,
    );
    await settled();
    t.ok(await siteAt(world, 'owner'), 'the owner still waits');
    await world.update('Website', { namespace: 'a', name: 'blocking' }, (live) => ({
      ...live,
      metadata: { ...live.metadata, finalizers: [] },
    }));
    await gone(world, 'Website', 'owner', 'a');
    t.ok((await siteAt(world, 'beside'))?.metadata.deletionTimestamp, 'one that does not block goes in its own time');
  }),
);

t.test('a whole tree goes in the foreground, from the leaves', (t) =>
  withLifecycle(async (world) => {
    const root = await world.create(site('root'));
    const middle = await world.create(site('middle', { ownerReferences: [referenceTo(root, true)] }));
    await world.create(site('leaf', { ownerReferences: [referenceTo(middle, true)], finalizers: ['x.example/held'] }));
    await world.delete('Website', { namespace: 'a', name: 'root' }, 'Foreground');
    await until('the leaf is being deleted', async () => (await siteAt(world, 'leaf'))?.metadata.deletionTimestamp);
    await settled();
    t.same((await siteAt(world, 'middle'))?.metadata.finalizers, ['foregroundDeletion']);
    t.same((await siteAt(world, 'root'))?.metadata.finalizers, ['foregroundDeletion']);
    await world.update('Website', { namespace: 'a', name: 'leaf' }, (live) => ({
      ...live,
      metadata: { ...live.metadata, finalizers: [] },
    }));
    await gone(world, 'Website', 'root', 'a');
    t.notOk(await siteAt(world, 'middle'));
  }),
);

t.test('objects that own each other do not wait for each other for ever', (t) =>
  withLifecycle(async (world) => {
    const one = await world.create(site('one'));
    const two = await world.create(site('two', { ownerReferences: [referenceTo(one, true)] }));
    await world.update('Website', { namespace: 'a', name: 'one' }, (live) => ({
      ...live,
      metadata: { ...live.metadata, ownerReferences: [referenceTo(two, true)] },
    }));
    await world.delete('Website', { namespace: 'a', name: 'one' }, 'Foreground');
    await gone(world, 'Website', 'one', 'a');
    await gone(world, 'Website', 'two', 'a');
    t.pass('both are gone');
  }),
);

t.test('orphans forget their owner and stay', (t) =>
  withLifecycle(async (world) => {
    const owner = await world.create(site('owner'));
    await world.create(site('child', ownedBy(owner)));
    await world.delete('Website', { namespace: 'a', name: 'owner' }, 'Orphan');
    await gone(world, 'Website', 'owner', 'a');
    await settled();
    t.equal((await siteAt(world, 'child'))?.metadata.ownerReferences, undefined);
    t.ok(await siteAt(world, 'child'));
  }),
);

t.test('garbage from before a restart is found', async (t) => {
  const store = openMemoryStore();
  const before = await open({ store, stopped: true });
  await before.create(namespace('a'));
  const owner = await before.create(site('owner'));
  const waiting = await before.create(site('waiting'));
  await before.create(site('child', ownedBy(owner)));
  await before.create(site('blocking', { ownerReferences: [referenceTo(waiting, true)] }));
  await before.create(site('kept'));
  await before.delete('Website', { namespace: 'a', name: 'owner' });
  await before.delete('Website', { namespace: 'a', name: 'waiting' }, 'Foreground');
  await before.close();
  const after = await open({ store });
  await gone(after, 'Website', 'child', 'a');
  await gone(after, 'Website', 'waiting', 'a');
  t.notOk(await siteAt(after, 'blocking'));
  t.ok(await siteAt(after, 'kept'));
  await after.stop();
  await after.close();
});

t.test('a namespace gets its account and the CA, and gets them back', (t) =>
  withLifecycle(async (world) => {
    const account = () => world.get('ServiceAccount', { namespace: 'a', name: 'default' });
    const config = () => world.get('ConfigMap', { namespace: 'a', name: 'kube-root-ca.crt' });
    const made = await until('the account', account);
    await until('the CA', config);
    await world.delete('ServiceAccount', { namespace: 'a', name: 'default' });
    await world.update('ConfigMap', { namespace: 'a', name: 'kube-root-ca.crt' }, (live) => ({
      ...live,
      data: { 'ca.crt': 'forged' },
    }));
    await until('a new account', async () => {
      const uid = (await account())?.metadata.uid;
      return uid !== undefined && uid !== made.metadata.uid;
    });
    await until(
      'the CA again',
      async () =>
        (await config())?.['data'] !== undefined &&
        JSON.stringify((await config())?.['data']) === JSON.stringify({ 'ca.crt': rootCertificates }),
    );
    t.pass('both are back');
  }),
);

t.test('a namespace goes with all that is in it, and waits for finalizers', (t) =>
  withLifecycle(async (world) => {
    await world.create(namespace('b'));
    for (let n = 0; n < 30; n += 1) await world.create(site(`s${n}`));
    await world.create(site('held', { finalizers: ['x.example/held'] }));
    await world.create(site('other', {}, 'b'));
    await until('defaults', () => world.get('ConfigMap', { namespace: 'a', name: 'kube-root-ca.crt' }));
    await world.delete('Namespace', { name: 'a' });
    const told = await until('conditions', async () => {
      const status = (await world.get('Namespace', { name: 'a' }))?.['status'] as
        { conditions?: { type: string; status: string; message: string }[] } | undefined;
      const conditions = status?.conditions ?? [];
      return conditions.some(({ message }) => message.includes('websites.wcp.example (1)')) ? conditions : undefined;
    });
    const condition = (type: string) => told.find((one) => one.type === type);
    t.match(condition('NamespaceContentRemaining'), { status: 'True', message: /websites\.wcp\.example \(1\)/ });
    t.match(condition('NamespaceFinalizersRemaining'), { status: 'True', message: /x\.example\/held \(1\)/ });
    t.match(condition('NamespaceDeletionContentFailure'), { status: 'False' });
    t.equal(await siteAt(world, 's7'), undefined);
    await t.rejects(world.create(site('late')), {
      status: 403,
      message:
        'websites.wcp.example "late" is forbidden: unable to create new content in namespace a because it is being terminated',
      faults: [{ reason: 'NamespaceTerminating' }],
    });
    await world.update('Website', { namespace: 'a', name: 'held' }, (live) => ({
      ...live,
      metadata: { ...live.metadata, finalizers: [] },
    }));
    await gone(world, 'Namespace', 'a');
    t.ok(await siteAt(world, 'other', 'b'), 'the neighbour is untouched');
    await t.rejects(world.create(site('late')), { status: 404, message: 'namespaces "a" not found' });
  }),
);

t.test('a namespace deletion that was cut off is finished after a restart', async (t) => {
  const store = openMemoryStore();
  const before = await open({ store, stopped: true });
  await before.create(namespace('a'));
  await before.create(site('one'));
  await before.delete('Namespace', { name: 'a' });
  t.ok(await before.get('Namespace', { name: 'a' }));
  await before.close();
  const after = await open({ store });
  await gone(after, 'Namespace', 'a');
  t.notOk(await siteAt(after, 'one'));
  await after.stop();
  await after.close();
});

t.test('the first namespaces cannot be deleted', (t) =>
  withLifecycle(async (world) => {
    for (const name of ['default', 'kube-system', 'kube-public']) {
      await world.create(namespace(name));
      await t.rejects(world.delete('Namespace', { name }), {
        status: 403,
        message: `namespaces "${name}" is forbidden: this namespace may not be deleted`,
      });
    }
  }),
);

const quota = (name: string, hard: Readonly<Record<string, string>>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name, namespace: 'a' },
  spec: { hard },
});
const usedOf = async (world: World, name = 'q') =>
  (
    (await world.get('ResourceQuota', { namespace: 'a', name }))?.['status'] as
      { used?: Record<string, string> } | undefined
  )?.used ?? {};
const full = { message: /exceeded quota: q,/ };
const outcomes = async (attempts: readonly Promise<unknown>[]) => {
  const results = await Promise.allSettled(attempts);
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as ApiError] : []));
  return { made: results.length - refused.length, refused };
};

t.test('of fifty creates at once exactly as many pass as the quota has room for', (t) =>
  withLifecycle(async (world) => {
    await world.create(quota('q', { 'count/websites.wcp.example': '10', 'count/secrets': '100', cpu: '1' }));
    await world.cache.sync();
    const { made, refused } = await outcomes(Array.from({ length: 50 }, (_, n) => world.create(site(`s${n}`))));
    t.equal(made, 10);
    t.ok(refused.every(({ status }) => status === 403));
    t.match(
      refused[0]?.message,
      /^websites\.wcp\.example "s\d+" is forbidden: exceeded quota: q, requested: count\/websites\.wcp\.example=1, used: count\/websites\.wcp\.example=10, limited: count\/websites\.wcp\.example=10$/,
    );
    await until('usage', async () => (await usedOf(world))['count/websites.wcp.example'] === '10');
    t.equal(world.cache.count('wcp.example/websites', 'a'), 10);
    await settled();
    t.equal((await usedOf(world))['count/websites.wcp.example'], '10', 'a recount agrees');
    t.equal((await usedOf(world))['cpu'], undefined, 'what nothing counts is left out');
  }),
);

t.test('two servers on one store do not let more through than one', async (t) => {
  const store = openMemoryStore();
  const one = await open({ store });
  const two = await open({ store, stopped: true });
  await one.create(namespace('a'));
  await one.create(quota('q', { 'count/websites.wcp.example': '10' }));
  await until('usage', async () => (await usedOf(one))['count/websites.wcp.example'] === '0');
  await two.cache.sync();
  const { made } = await outcomes(
    Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? one : two).create(site(`s${n}`))),
  );
  t.equal(made, 10);
  await one.stop();
  await one.close();
  await two.close();
});

t.test('a place is given back by a deletion, and by a larger limit', (t) =>
  withLifecycle(async (world) => {
    await world.create(quota('q', { 'count/websites.wcp.example': '2' }));
    await world.cache.sync();
    await world.create(site('one'));
    await world.create(site('two'));
    await t.rejects(world.create(site('three')), full);
    await t.rejects(world.create(site('three'), { dryRun: true }), full, 'a dry run tells the same');
    await t.rejects(
      world.create(site('one')),
      { message: 'websites.wcp.example "one" already exists' },
      'what exists is not charged again',
    );
    await world.delete('Website', { namespace: 'a', name: 'one' });
    await until('usage after the deletion', async () => (await usedOf(world))['count/websites.wcp.example'] === '1');
    await world.create(site('three'), { dryRun: true });
    await world.create(site('three'));
    await world.update('ResourceQuota', { namespace: 'a', name: 'q' }, (live) => ({
      ...live,
      spec: { hard: { 'count/websites.wcp.example': '3' } },
    }));
    await until('the new limit', async () => {
      const status = (await world.get('ResourceQuota', { namespace: 'a', name: 'q' }))?.['status'] as
        { hard?: Record<string, string> } | undefined;
      return status?.hard?.['count/websites.wcp.example'] === '3';
    });
    await world.create(site('four'));
    await t.rejects(world.create(site('five')), full);
  }),
);

t.test('every quota of a namespace has its say, and a new one counts what is there', (t) =>
  withLifecycle(async (world) => {
    for (let n = 0; n < 3; n += 1) await world.create(site(`s${n}`));
    await world.create(quota('wide', { 'count/websites.wcp.example': '100' }));
    await world.create(quota('q', { 'count/websites.wcp.example': '4', secrets: '1' }));
    await world.create({
      ...quota('pods', { 'count/websites.wcp.example': '0' }),
      spec: { hard: { 'count/websites.wcp.example': '0' }, scopes: ['BestEffort'] },
    });
    await world.cache.sync();
    await world.create(site('s3'));
    await t.rejects(world.create(site('s4')), { message: /exceeded quota: q,/ });
    const secret = (name: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'a' },
    });
    await world.create(secret('one'));
    await t.rejects(world.create(secret('two')), {
      message: /requested: secrets=1, used: secrets=1, limited: secrets=1/,
    });
  }),
);

t.test('an aggregated role follows the roles that it collects', (t) =>
  withLifecycle(async (world) => {
    const rules = [{ apiGroups: ['x.y'], resources: ['z'], verbs: ['get'] }];
    const role = (name: string, parts: object, labels = {}): KubeObject => ({
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name, labels },
      ...parts,
    });
    await world.create(
      role(
        'sum',
        { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'sum' } }] }, rules: [] },
        { to: 'total' },
      ),
    );
    await world.create(
      role('total', { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'total' } }] }, rules: [] }),
    );
    await world.create(role('part', { rules }, { to: 'sum' }));
    const rulesAre = (name: string, wanted: unknown) =>
      until(
        `rules of ${name}`,
        async () => JSON.stringify((await world.get('ClusterRole', { name }))?.['rules']) === JSON.stringify(wanted),
      );
    const stored = [{ verbs: ['get'], apiGroups: ['x.y'], resources: ['z'] }];
    await rulesAre('sum', stored);
    await rulesAre('total', stored);
    await world.update('ClusterRole', { name: 'sum' }, (live) => ({ ...live, rules: [] }));
    await rulesAre('sum', stored);
    await world.delete('ClusterRole', { name: 'part' });
    await rulesAre('total', []);
    t.pass('through two levels');
  }),
);

t.test('a definition goes after the last of its objects', (t) =>
  withLifecycle(async (world) => {
    const name = 'websites.wcp.example';
    await world.create({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name },
      spec: { group: 'wcp.example', names: { plural: 'websites', kind: 'Website' } },
    });
    const definition = () => world.get('CustomResourceDefinition', { name });
    await until('the finalizer', async () => (await definition())?.metadata.finalizers?.includes(instanceFinalizer));
    await world.create(namespace('b'));
    await world.create(site('one'));
    await world.create(site('two', { finalizers: ['x.example/held'] }, 'b'));
    await world.delete('CustomResourceDefinition', { name });
    await gone(world, 'Website', 'one', 'a');
    await until('the condition', async () => {
      const status = (await definition())?.['status'] as
        { conditions?: { type: string; reason: string }[] } | undefined;
      return status?.conditions?.some(
        ({ type, reason }) => type === 'Terminating' && reason === 'InstanceDeletionInProgress',
      );
    });
    await settled();
    t.ok(await definition(), 'a finalizer of an object holds it');
    await world.update('Website', { namespace: 'b', name: 'two' }, (live) => ({
      ...live,
      metadata: { ...live.metadata, finalizers: [] },
    }));
    await gone(world, 'CustomResourceDefinition', name);
  }),
);

t.test('a token Secret is filled, and goes with its account', (t) =>
  withLifecycle(async (world) => {
    const account = await world.create({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'robot', namespace: 'a' },
    });
    await world.create({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/service-account-token',
      metadata: { name: 'robot-token', namespace: 'a', annotations: { 'kubernetes.io/service-account.name': 'robot' } },
    });
    const secret = () => world.get('Secret', { namespace: 'a', name: 'robot-token' });
    const filled = await until('the token', async () => {
      const found = await secret();
      return (found?.['data'] as { token?: string } | undefined)?.token === undefined ? undefined : found;
    });
    t.equal(filled?.metadata.annotations?.['kubernetes.io/service-account.uid'], account.metadata.uid);
    const token = Buffer.from((filled?.['data'] as { token: string }).token, 'base64').toString();
    const authenticator = createAuthenticator({ tokens, cache: world.cache });
    t.equal(
      (await authenticator.authenticate({ authorization: `Bearer ${token}` })).name,
      'system:serviceaccount:a:robot',
    );
    await world.delete('ServiceAccount', { namespace: 'a', name: 'robot' });
    await gone(world, 'Secret', 'robot-token', 'a');
    await t.rejects(authenticator.authenticate({ authorization: `Bearer ${token}` }), { message: 'Unauthorized' });
  }),
);

t.test('when everything is in order nothing is written', async (t) => {
  const store = openMemoryStore();
  const world = await open({ store });
  await world.create(namespace('a'));
  const owner = await world.create(site('owner'));
  for (let n = 0; n < 50; n += 1) await world.create(site(`s${n}`, ownedBy(owner)));
  await world.create(quota('q', { 'count/websites.wcp.example': '100' }));
  await until('usage', async () => (await usedOf(world))['count/websites.wcp.example'] === '51');
  await until('defaults', () => world.get('ConfigMap', { namespace: 'a', name: 'kube-root-ca.crt' }));
  await world.stop();
  await world.close();
  const revision = await store.currentRevision();
  const again = await open({ store });
  await settled();
  t.equal(await store.currentRevision(), revision);
  await again.stop();
  await again.close();
});
