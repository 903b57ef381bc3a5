import fc from 'fast-check';
import t from 'tap';
import { createAuthenticator } from '#runtime/apiserver/auth/authenticator.ts';
import { certificateCleaner } from '#runtime/apiserver/lifecycle/certificates/cleaner.ts';
import { instanceFinalizer } from '#runtime/apiserver/registry/definition.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { HostError, required } from '#runtime/base/errors.ts';
import { createWorkQueue } from '#runtime/base/work-queue.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { requestFor } from '#runtime/pki/issue.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import type { Store } from '#runtime/storage/store.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { rbac, type World } from './memory-operations.ts';
import {
  rootCertificates,
  tokens,
  open,
  withLifecycle,
  namespace,
  site,
  fleet,
  ownedBy,
  referenceTo,
  until,
  settled,
  gone,
  siteAt,
  quota,
  usedOf,
} from './lifecycle-world.ts';

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
    const absent = { ...reference, uid: 'another' };
    const unclear = [referenceTo(plate), { ...reference, kind: 'Gone', uid: 'x' }, absent];
    await world.create(site('unclear', { ownerReferences: unclear }));
    await gone(world, 'Website', 'namesake', 'a');
    await gone(world, 'Website', 'abroad', 'a');
    await settled();
    t.same((await siteAt(world, 'unclear'))?.metadata.ownerReferences, unclear, 'nor to forget another one');
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
    const kept = await world.create(site('kept', held));
    await world.create(site('free', { ownerReferences: [{ ...referenceTo(kept), blockOwnerDeletion: false }] }));
    await world.delete('Website', { namespace: 'a', name: 'kept' }, 'Foreground');
    await gone(world, 'Website', 'free', 'a');
    const finalizersOfKept = async () => (await siteAt(world, 'kept'))?.metadata.finalizers ?? [];
    await until('the owner to wait for nobody', async () => (await finalizersOfKept()).length === 1);
    t.same(await finalizersOfKept(), held.finalizers, 'even where something else keeps the owner');
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

t.test('whatever owns what, exactly those stay that were not deleted and have an owner left or never had one', (t) =>
  withLifecycle(async (world) => {
    const graph = fc.array(fc.record({ owners: fc.array(fc.nat(), { maxLength: 3 }), deleted: fc.boolean() }), {
      minLength: 2,
      maxLength: 9,
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(graph, async (nodes) => {
        round += 1;
        const made: KubeObject[] = [];
        for (const [index, node] of nodes.entries()) {
          const owners = [...new Set(node.owners.map((owner) => owner % (index + 1)))].flatMap(
            (owner) => made[owner] ?? [],
          );
          made.push(await world.create(site(`r${round}-n${index}`, ownedBy(...owners))));
        }
        const stays = new Set(
          made.filter((_, index) => nodes[index]?.deleted === false).map(({ metadata }) => metadata.uid),
        );
        for (const { metadata } of made) {
          const owners = metadata.ownerReferences ?? [];
          if (owners.length > 0 && !owners.some(({ uid }) => stays.has(uid))) stays.delete(metadata.uid);
        }
        for (const [index, object] of made.entries()) {
          if (nodes[index]?.deleted === true)
            await world.delete('Website', { namespace: 'a', name: object.metadata.name }, 'Background');
        }
        await until('exactly those stay', async () => {
          await world.cache.sync();
          const left = [...world.cache.list('wcp.example/websites', 'a')].filter(({ name }) =>
            name.startsWith(`r${round}-`),
          );
          return left.length === stays.size && left.every(({ object }) => stays.has(object.metadata.uid));
        });
      }),
      { numRuns: 25 },
    );
    t.pass('25 random graphs');
  }),
);

/** A store whose writes fail from the nth one on: what a process leaves that is killed there. */
function storeThatDies(store: Store, writes: number): Store {
  let left = writes;
  return {
    ...store,
    commit: async (transaction, signal) => {
      left -= 1;
      if (left < 0) throw new HostError('killed');
      return store.commit(transaction, signal);
    },
  };
}

t.test('killed after any of its writes, the next process ends where it would have ended', async (t) => {
  let points = 0;
  for (let writes = 0; ; writes += 1) {
    const store = openMemoryStore();
    const setup = await open({ store, stopped: true });
    for (const name of ['a', 'b']) await setup.create(namespace(name));
    const root = await setup.create(site('root', {}, 'b'));
    const middle = await setup.create(site('middle', { ownerReferences: [referenceTo(root, true)] }, 'b'));
    await setup.create(site('leaf', { ownerReferences: [referenceTo(middle, true)] }, 'b'));
    const parent = await setup.create(site('parent', {}, 'b'));
    await setup.create(site('orphan', ownedBy(parent), 'b'));
    for (const name of ['x', 'y']) await setup.create(site(name));
    await setup.delete('Website', { namespace: 'b', name: 'root' }, 'Foreground');
    await setup.delete('Website', { namespace: 'b', name: 'parent' }, 'Orphan');
    await setup.delete('Namespace', { name: 'a' });
    await setup.close();
    const isDone = async (world: World) => {
      const left = async (name: string) => (await siteAt(world, name, 'b')) !== undefined;
      if ((await world.get('Namespace', { name: 'a' })) !== undefined || (await left('root')) || (await left('parent')))
        return false;
      return (await world.get('ConfigMap', { namespace: 'b', name: 'kube-root-ca.crt' })) !== undefined;
    };
    const dying = await open({ store: storeThatDies(store, writes) });
    await new Promise((resolve) => void setTimeout(resolve, 80));
    const survived = await isDone(dying);
    await dying.stop();
    await dying.close();
    const next = await open({ store });
    await until(`convergence after ${writes} writes`, () => isDone(next));
    t.same(
      [...next.cache.list('wcp.example/websites')].map(({ namespace: at, name }) => `${at}/${name}`),
      ['b/orphan'],
      `killed after ${writes} writes`,
    );
    t.equal((await siteAt(next, 'orphan', 'b'))?.metadata.ownerReferences, undefined);
    await next.stop();
    await next.close();
    if (survived) break;
    points += 1;
  }
  t.comment(`${points} points`);
  t.ok(points >= 8);
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
      return conditions.some(({ message }) => message.includes('websites.wcp.example has 1 ')) ? conditions : undefined;
    });
    const condition = (type: string) => told.find((one) => one.type === type);
    t.match(condition('NamespaceContentRemaining'), {
      status: 'True',
      message: /: websites\.wcp\.example has 1 resource instances$/,
    });
    t.match(condition('NamespaceFinalizersRemaining'), {
      status: 'True',
      message: /: x\.example\/held in 1 resource instances$/,
    });
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
      metadata: { name, finalizers: [instanceFinalizer] },
      spec: { group: 'wcp.example', names: { plural: 'websites', kind: 'Website' } },
    });
    const definition = () => world.get('CustomResourceDefinition', { name });
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
    t.equal(filled.metadata.annotations?.['kubernetes.io/service-account.uid'], account.metadata.uid);
    const token = Buffer.from((filled['data'] as { token: string }).token, 'base64').toString();
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

t.test('a request for a certificate goes an hour after its verdict, or a day after nobody gave one', async (t) => {
  const world = await open({ stopped: true });
  const hourMs = 3_600_000;
  let nowMs = Date.now();
  const queue = createWorkQueue({ clock: systemClock });
  const task = certificateCleaner({ ...world, clock: { now: () => nowMs, sleep: () => Promise.resolve() } });
  const request = btoa(await requestFor('jane', newKey()));
  const spec = { request, signerName: 'example.com/mine', usages: ['client auth'] };
  for (const name of ['waiting', 'failed'])
    await world.create({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec,
    });
  const resource = required(world.operations.resource('certificates.k8s.io', 'certificatesigningrequests'), 'requests');
  const conditions = [{ type: 'Failed', status: 'True', lastUpdateTime: new Date(nowMs).toISOString() }];
  const change = (live: KubeObject): KubeObject => ({ ...live, status: { conditions } });
  await world.operations.mutate(resource, { namespace: '', name: 'failed' }, change, { subresource: 'status' });
  const left = async (): Promise<readonly string[]> => {
    await world.cache.sync();
    for (const name of ['waiting', 'failed']) await task.work(name, queue);
    await world.cache.sync();
    return Array.from(
      world.cache.list('certificates.k8s.io/certificatesigningrequests'),
      ({ name }) => name,
    ).toSorted();
  };
  t.same(await left(), ['failed', 'waiting']);
  nowMs += hourMs + 1000;
  t.same(await left(), ['waiting']);
  nowMs += 23 * hourMs;
  t.same(await left(), []);
  queue.close();
  await world.stop();
  await world.close();
});

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
