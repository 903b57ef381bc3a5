import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { systemClock } from '#runtime/base/clock.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { Client, WatchEvent, WatchOptions } from '#runtime/client/client.ts';
import { listAll } from '#runtime/client/list-pages.ts';
import { countBefore, countsOf } from '#runtime/manager/bucket.ts';
import { createHolding } from '#runtime/manager/holding.ts';
import { createInformer, type Informer, type ObjectChange } from '#runtime/manager/informer.ts';
import { createInformerCache, kindId } from '#runtime/manager/informer-cache.ts';
import { createInformerSet } from '#runtime/manager/informer-set.ts';
import { createObjectStore } from '#runtime/manager/object-store.ts';
import { compareResourceVersions } from '#runtime/manager/resource-version.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { startTcpProxy } from '#test/lab/tcp-proxy.ts';
import {
  aWidget,
  configMapKind,
  configMapType,
  eventually,
  installKind,
  labClient,
  widgetController,
  widgetKind,
  widgetType,
  type Widget,
} from '#test/lab/widgets.ts';

const quick = { firstMs: 5, maxMs: 50, factor: 2, jitterRatio: 0 };

function cm(name: string, revision: number, rest: Partial<KubeObject['metadata']> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'n', uid: `u-${name}`, resourceVersion: String(revision), ...rest },
  };
}

function bookmark(revision: number, isEnd = false): WatchEvent {
  const annotations = isEnd ? { 'k8s.io/initial-events-end': 'true' } : {};
  return {
    type: 'BOOKMARK',
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: '', resourceVersion: String(revision), annotations },
    },
  };
}

type Watched = (options: WatchOptions, count: number) => AsyncGenerator<WatchEvent>;

/** A client whose watches are written by the test, for orders of events that a good server never sends. */
function scripted(
  watched: Watched,
  list: () => readonly KubeObject[] = () => [],
): { readonly client: Client; readonly asked: WatchOptions[] } {
  const asked: WatchOptions[] = [];
  const client = {
    watch: (_type: unknown, options: WatchOptions) => watched(options, asked.push(options)),
    list: () =>
      Promise.resolve({ apiVersion: 'v1', kind: 'ConfigMapList', metadata: { resourceVersion: '10' }, items: list() }),
  } as unknown as Client;
  return { client, asked };
}

async function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  await delay(60_000, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  signal?.throwIfAborted();
}

function follow(t: Test, client: Client): { readonly informer: Informer; readonly changes: string[] } {
  const informer = createInformer({
    client,
    type: configMapType,
    log: silentLogger,
    clock: systemClock,
    backoff: quick,
  });
  const changes: string[] = [];
  informer.subscribe(({ type, object }: ObjectChange) =>
    changes.push(`${type} ${object.metadata.name}@${object.metadata.resourceVersion ?? ''}`),
  );
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  t.teardown(async () => {
    stop.abort(new Error('the test is over'));
    await running;
  });
  return { informer, changes };
}

t.test('a streamed read is put in place when it is complete, and changes follow', async (t) => {
  const { client, asked } = scripted(async function* ({ signal }) {
    yield { type: 'ADDED', object: cm('b', 3) };
    yield { type: 'ADDED', object: cm('a', 2) };
    yield bookmark(5, true);
    yield { type: 'MODIFIED', object: cm('a', 6) };
    yield { type: 'DELETED', object: cm('b', 7) };
    await untilAborted(signal);
  });
  const { informer, changes } = follow(t, client);
  await informer.synced;
  await eventually(() => changes.length === 4, 'four changes');
  t.same(changes, ['added b@3', 'added a@2', 'modified a@6', 'deleted b@7']);
  t.match(asked[0], { sendInitialEvents: true, resourceVersion: undefined });
});

t.test('a server that refuses streamed reads is listed', async (t) => {
  const { client, asked } = scripted(
    async function* ({ sendInitialEvents, signal }) {
      if (sendInitialEvents === true) throw new ApiError(422, 'Invalid', 'sendInitialEvents is forbidden');
      yield { type: 'ADDED', object: cm('c', 11) };
      await untilAborted(signal);
    },
    () => [cm('a', 1), cm('b', 2)],
  );
  const { informer, changes } = follow(t, client);
  await eventually(() => changes.length === 3, 'three changes');
  t.ok(informer.isSynced);
  t.match(asked.at(-1), { resourceVersion: '10' });
});

t.test('after a cut it goes on from the last revision that is certainly complete, and repeats nothing', async (t) => {
  const { client, asked } = scripted(async function* ({ resourceVersion, signal }) {
    if (resourceVersion === undefined) {
      yield bookmark(5, true);
      yield { type: 'ADDED', object: cm('a', 6) };
      // One transaction made both; the connection breaks between them.
      yield { type: 'ADDED', object: cm('b', 7) };
      return;
    }
    yield { type: 'ADDED', object: cm('b', 7) };
    yield { type: 'ADDED', object: cm('c', 7) };
    await untilAborted(signal);
  });
  const { changes } = follow(t, client);
  await eventually(() => changes.length === 3, 'three changes');
  t.same(changes, ['added a@6', 'added b@7', 'added c@7']);
  t.equal(asked[1]?.resourceVersion, '6');
});

t.test('a bookmark moves the revision to go on from, and never backwards', async (t) => {
  const { client, asked } = scripted(async function* (_options, count) {
    if (count === 1) {
      yield bookmark(5, true);
      yield bookmark(90);
      yield bookmark(40);
      yield { type: 'ADDED', object: cm('old', 30) };
    } else await untilAborted(_options.signal);
  });
  const { changes } = follow(t, client);
  await eventually(() => asked.length === 2, 'the second watch');
  t.equal(asked[1]?.resourceVersion, '90');
  t.same(changes, [], 'news from the past is no news');
});

t.test('a revision that is forgotten leads to a new read, with the deletions that were missed', async (t) => {
  const { client } = scripted(async function* ({ signal }, count) {
    if (count === 1) {
      for (const name of ['a', 'b', 'c']) yield { type: 'ADDED', object: cm(name, 3) };
      yield bookmark(5, true);
      throw new ApiError(410, 'Expired', 'too old');
    }
    yield { type: 'ADDED', object: cm('a', 3) };
    yield { type: 'ADDED', object: cm('c', 8) };
    yield bookmark(9, true);
    await untilAborted(signal);
  });
  const { informer, changes } = follow(t, client);
  await eventually(() => changes.length === 5, 'five changes');
  t.same(changes.slice(3), ['modified c@8', 'deleted b@3']);
  t.same(
    informer.store.list().map(({ metadata }) => metadata.name),
    ['a', 'c'],
  );
});

t.test('while the server is away, or offers an older state, everything stays as it was', async (t) => {
  let isOlder = false;
  const { client, asked } = scripted(async function* (_options, count) {
    if (count === 1) {
      yield { type: 'ADDED', object: cm('a', 3) };
      yield bookmark(50, true);
      throw new ApiError(410, 'Expired', 'too old');
    }
    if (count < 4) throw new ApiError(500, 'InternalError', 'down');
    isOlder = true;
    yield bookmark(20, true);
  });
  const { informer } = follow(t, client);
  await eventually(() => isOlder && asked.length === 5, 'the older state');
  t.equal(informer.store.size, 1);
  await eventually(() => informer.store.size === 0, 'the older state, offered for the third time, to be believed');
});

t.test('a listener that throws disturbs nobody', async (t) => {
  const { client } = scripted(async function* ({ signal }) {
    yield { type: 'ADDED', object: cm('a', 3) };
    yield bookmark(5, true);
    await untilAborted(signal);
  });
  const informer = createInformer({ client, type: configMapType, log: silentLogger, clock: systemClock });
  const seen: string[] = [];
  informer.subscribe(() => {
    throw new Error('clumsy');
  });
  informer.subscribe(({ object }) => seen.push(object.metadata.name));
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  await informer.synced;
  t.same(seen, ['a']);
  stop.abort();
  await running;
});

t.test('an informer equals the list of the server after any history with any cuts', async (t) => {
  const lab = await startLabServer();
  t.teardown(() => lab.stop());
  const proxy = await startTcpProxy(lab.server.address.port);
  t.teardown(() => proxy.close());
  const direct = await labClient(lab);
  const through = await labClient(lab, { server: `https://127.0.0.1:${proxy.port}` });
  t.teardown(() => direct.client.close());
  t.teardown(() => through.client.close());
  const { informer } = follow(t, through.client);
  const mirror = new Map<string, string>();
  informer.subscribe(({ type, object, previous }) => {
    const { name, namespace = '', resourceVersion = '' } = object.metadata;
    const key = `${namespace}/${name}`;
    if ((type === 'added') === mirror.has(key)) throw new Error(`${type} ${key} out of turn`);
    if (previous !== undefined && mirror.get(key) !== previous.metadata.resourceVersion)
      throw new Error('wrong previous');
    if (type === 'deleted') mirror.delete(key);
    else mirror.set(key, resourceVersion);
  });
  await informer.synced;
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ op: fc.constant('put' as const), name: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constant('delete' as const), name: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('cut' as const) }) },
  );
  let value = 0;
  let cuts = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      for (const one of steps) {
        if (one.op === 'cut') {
          proxy.cut();
          cuts += 1;
        } else if (one.op === 'put') {
          const object = {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: one.name, namespace: 'default' },
            data: { v: String(value++) },
          };
          await direct.client.apply(configMapType, object, { fieldManager: 'lab', force: true });
        } else await direct.client.delete(configMapType, { namespace: 'default', name: one.name });
      }
      const { items } = await listAll(direct.client, configMapType);
      const truth = JSON.stringify(
        items.map(({ metadata }) => [metadata.namespace, metadata.name, metadata.resourceVersion]),
      );
      const own = (): string =>
        JSON.stringify(
          informer.store.list().map(({ metadata }) => [metadata.namespace, metadata.name, metadata.resourceVersion]),
        );
      await eventually(() => own() === truth, 'both to agree');
      return mirror.size === informer.store.size;
    }),
    { numRuns: 25 },
  );
  t.comment(`${cuts} cuts, ${value} writes`);
  t.ok(cuts > 0);
});

t.test('an agent sees what is on its host and what is on its way to it, each object once', async (t) => {
  const lab = await startLabServer();
  t.teardown(() => lab.stop());
  const { client } = await labClient(lab);
  t.teardown(() => client.close());
  const placed = { ...widgetKind, selectableFields: ['.status.host'] };
  await installKind(client, placed);
  for (const [name, host] of [
    ['here', 'web1'],
    ['there', 'web2'],
  ] as const) {
    await client.create(widgetType, aWidget(name));
    const body = { ...aWidget(name), status: { host } };
    await client.apply(widgetType, body, { fieldManager: 'wcp360-lab', subresource: 'status' });
  }
  const informers = createInformerSet({
    client,
    log: silentLogger,
    clock: systemClock,
    hostSelector: { host: 'web1' },
  });
  informers.add(placed);
  informers.add(secretKind);
  const stop = new AbortController();
  const running = informers.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  await informers.synced();
  const names = (): readonly string[] => informers.cache.list(placed).map(({ metadata }) => metadata.name);
  t.same(names(), ['here']);
  await client.apply(
    widgetType,
    { ...aWidget('there'), status: { host: 'web1' } },
    { fieldManager: 'wcp360-lab', subresource: 'status' },
  );
  await eventually(() => names().length === 2, 'what moved here');
  await client.apply(
    widgetType,
    { ...aWidget('here'), status: { host: 'web2' } },
    { fieldManager: 'wcp360-lab', subresource: 'status' },
  );
  await eventually(() => names().join() === 'there', 'what moved away to leave');
  t.throws(() => informers.cache.list(configMapKind), /nothing watches/);
  const secrets = { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true };
  await client.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'default' },
    stringData: { password: 'hunter2' },
  });
  const secret = await eventually(
    () => informers.cache.get(secretKind, { namespace: 'default', name: 's' }),
    'the Secret',
  );
  t.equal(secret.kind, 'Secret');
  t.notMatch(JSON.stringify(secret), /hunter2|aHVudGVyMg/);
});

t.test('what leaves one selection for another is never missing in between', async (t) => {
  const gone = (name: string, revision: number, rest: Partial<KubeObject['metadata']> = {}): WatchEvent => ({
    type: 'DELETED',
    object: cm(name, revision, rest),
  });
  const { client } = scripted(async function* (options) {
    for (const name of ['moved', 'deleted', 'back']) yield { type: 'ADDED', object: cm(name, 2) };
    yield bookmark(2, true);
    yield gone('moved', 3);
    yield gone('deleted', 4, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    yield gone('back', 5);
    yield { type: 'ADDED', object: cm('back', 6) };
    await untilAborted(options.signal);
  });
  const lingering = Promise.withResolvers<void>();
  const clock = { ...systemClock, sleep: async () => await lingering.promise };
  const informer = createInformer({ client, type: configMapType, log: silentLogger, clock, lingerMs: 1 });
  const changes: string[] = [];
  informer.subscribe(({ type, object }) => changes.push(`${type} ${object.metadata.name}`));
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  const names = (): string =>
    informer.store
      .list()
      .map(({ metadata }) => metadata.name)
      .join();
  await eventually(() => informer.store.get('n/back')?.metadata.resourceVersion === '6', 'what came back');
  t.equal(names(), 'back,moved');
  lingering.resolve();
  await eventually(() => names() === 'back', 'what did not come back to go');
  t.same(changes.slice(3), ['deleted deleted', 'modified back', 'deleted moved']);
  stop.abort();
  await running;
});

t.test('an object in two informers is shown once, as it is later', (t) => {
  const stores = [createObjectStore(), createObjectStore()];
  const [one, two] = stores;
  one?.set(cm('a', 9));
  two?.set(cm('a', 10));
  two?.set(cm('b', 3));
  const informers = stores.map((store) => ({ store }) as unknown as Informer);
  const cache = createInformerCache((id) => (id === kindId(configMapKind) ? informers : undefined));
  t.same(
    cache.list(configMapKind).map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion ?? ''}`),
    ['a@10', 'b@3'],
  );
  t.equal(cache.get(configMapKind, { namespace: 'n', name: 'a' })?.metadata.resourceVersion, '10');
  t.throws(() => cache.counts(configMapKind, 'label', 'x'), /counted only where one informer/, 'it would count twice');
  t.end();
});

t.test('a store with indexes agrees with a search through all', (t) => {
  const object = fc.record({
    name: fc.constantFrom('a', 'b', 'a-b', 'c', 'd', 'e', 'f', 'g', 'h'),
    namespace: fc.constantFrom('x', 'x-y', 'z'),
    label: fc.constantFrom('1', '2', ''),
    age: fc.integer({ min: 1, max: 5 }),
  });
  const step = fc.record({ object, isDelete: fc.nat(5).map((n) => n === 0), looks: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const store = createObjectStore();
      const valuesOf = (found: KubeObject): readonly string[] =>
        Object.values(found.metadata.labels ?? {}).filter((label) => label !== '');
      store.addIndex({ name: 'label', valuesOf });
      const orderOf = ({ metadata }: KubeObject): string => metadata.resourceVersion ?? '';
      store.addIndex({ name: 'aged', valuesOf: () => ['all'], orderOf, groupOf: (found) => valuesOf(found).join() });
      const seen: (readonly [list: readonly KubeObject[], was: readonly KubeObject[]])[] = [];
      const model = new Map<string, KubeObject>();
      for (const {
        object: { name, namespace, label, age },
        isDelete,
        looks,
      } of steps) {
        const key = `${namespace}/${name}`;
        if (isDelete) {
          store.delete(key);
          model.delete(key);
        } else {
          const made = cm(name, age, { namespace, labels: { label } });
          store.set(made);
          model.set(key, made);
        }
        if (looks) for (const list of [store.byIndex('aged', 'all') ?? [], store.list()]) seen.push([list, [...list]]);
      }
      const order = (found: KubeObject): string => `${found.metadata.namespace ?? ''}\u0000${found.metadata.name}`;
      const sorted = [...model.values()].toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
      const same = (a: readonly KubeObject[] | undefined, b: readonly KubeObject[]): boolean =>
        a?.length === b.length && b.every((value, at) => a[at] === value);
      const aged = sorted.toSorted((a, b) => Number(orderOf(a)) - Number(orderOf(b)));
      const bucket = store.bucketOf('aged', 'all');
      const counts = new Map(bucket === undefined ? [] : countsOf(bucket));
      return (
        seen.every(([list, was]) => same(list, was)) &&
        same(store.byIndex('aged', 'all'), aged) &&
        aged.every((found, at) => bucket !== undefined && countBefore(bucket, found) === at) &&
        ['', '1', '2'].every(
          (label) => (counts.get(label) ?? 0) === sorted.filter((found) => valuesOf(found).join() === label).length,
        ) &&
        same(store.list(), sorted) &&
        ['x', 'x-y', 'z'].every((namespace) =>
          same(
            store.list(namespace),
            sorted.filter(({ metadata }) => metadata.namespace === namespace),
          ),
        ) &&
        ['1', '2'].every((label) =>
          same(
            store.byIndex('label', label),
            sorted.filter((found) => valuesOf(found).includes(label)),
          ),
        )
      );
    }),
  );
  t.equal(createObjectStore().byIndex('none', 'x'), undefined);
  t.end();
});

t.test('revisions are compared as the numbers they are, however long', (t) => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n }),
      fc.bigInt({ min: 0n }),
      (a, b) => Math.sign(compareResourceVersions(String(a), String(b))) === (a < b ? -1 : a > b ? 1 : 0),
    ),
  );
  t.ok(compareResourceVersions(undefined, '1') < 0);
  t.end();
});

t.test('what was written on an object holds while the cache still shows it as it was', async (t) => {
  const lab = await startLabServer();
  t.teardown(() => lab.stop());
  const { client } = await labClient(lab);
  t.teardown(() => client.close());
  await installKind(client, widgetKind);
  const finalizer = 'test.wcp360.io/host';
  const seen = await client.create<Widget>(widgetType, aWidget('one', { parts: ['a'] }));
  const controller = widgetController({ finalizer, finalizerSetBy: 'loop' });
  const cache = {
    get: () => undefined,
    list: () => [],
    byIndex: () => [],
    counts: () => new Map(),
    countBefore: () => 0,
  };
  const options = { client, type: widgetType, fieldManager: 'test', cache, fence: () => undefined };
  const { signal } = new AbortController();
  const holding = createHolding({ ...options, controller });
  const held = await holding.hold(seen, signal);
  t.same(held?.metadata.finalizers, [finalizer]);
  t.same(await holding.hold(seen, signal), held, 'nothing is written again');
  await t.rejects(createHolding({ ...options, controller }).hold(seen, signal), { message: /modified/ });
  const later = { ...seen, metadata: { ...seen.metadata, resourceVersion: '1' } };
  await t.rejects(holding.hold(later, signal), { message: /modified/ }, 'what the cache shows later counts');
});
