import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import t from 'tap';
import type { CacheBatch, CachedObject, WatchCache } from '#runtime/storage/cache.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import { encodeStored, parseObject } from '#runtime/storage/object-codec.ts';
import { objectKey } from '#runtime/storage/object-key.ts';
import type { Store } from '#runtime/storage/store.ts';
import { HostError } from '#runtime/base/errors.ts';
import { startWatchCache, type WatchCacheOptions } from '#runtime/storage/watch-cache/watch-cache.ts';
import { committed } from '#test/contracts/store.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { startEtcd } from '#test/lab/etcd.ts';
import { startTcpProxy } from '#test/lab/tcp-proxy.ts';

const sites = 'hosting.wcp360.io/domains';
const tenants = 'hosting.wcp360.io/tenants';

interface Site {
  readonly namespace: string;
  readonly name: string;
  readonly host?: string;
  readonly size?: number;
}

const encode = ({ namespace, name, host = 'web1', size = 0 }: Site): Buffer =>
  encodeStored({
    apiVersion: 'hosting.wcp360.io/v1alpha1',
    kind: 'Domain',
    metadata: { name, namespace },
    spec: { hostname: `${name}.example`, padding: 'x'.repeat(size) },
    status: { host },
  });

async function write(store: Store, site: Site): Promise<number> {
  const key = objectKey(sites, site.namespace, site.name);
  return committed(await store.commit({ if: [], put: [{ key, value: encode(site) }] }));
}

async function remove(store: Store, site: Site): Promise<number> {
  return committed(await store.commit({ if: [], delete: [objectKey(sites, site.namespace, site.name)] }));
}

const pathOf = (cached: CachedObject): string => `${cached.namespace}/${cached.name}`;
const paths = (objects: Iterable<CachedObject>): readonly string[] => [...objects].map(pathOf);
const state = (cache: WatchCache): readonly string[] =>
  [...cache.list(sites)].map((cached) => `${pathOf(cached)}@${cached.revision} ${cached.bytes.toString()}`);

/** What a store holds, in the words of `state`. */
async function stored(store: Store): Promise<readonly string[]> {
  const prefix = `/registry/${sites}/`;
  return (await store.range(prefix)).entries.map((entry) => {
    const text = entry.value.toString().replace('"metadata":{', `"metadata":{"resourceVersion":"${entry.revision}",`);
    return `${entry.key.slice(prefix.length)}@${entry.revision} ${text}`;
  });
}

async function started(store: Store, options: Partial<WatchCacheOptions> = {}) {
  const cache = startWatchCache({ store, progressIntervalMs: 20, ...options });
  await cache.ready;
  return cache;
}

/** Reads a subscription until its revision reaches `revision`. */
async function readUntil(batches: AsyncIterable<CacheBatch>, revision: number): Promise<readonly CacheBatch[]> {
  const read: CacheBatch[] = [];
  for await (const batch of batches) {
    read.push(batch);
    if (batch.revision >= revision) break;
  }
  return read;
}

const etcd = await startEtcd();
t.teardown(() => etcd.stop());
const stores: readonly { readonly name: string; readonly open: () => Promise<Store> }[] = [
  { name: 'memory', open: () => Promise.resolve(openMemoryStore()) },
  {
    name: 'etcd',
    open: async () => {
      const store = await etcd.open();
      for (const entry of (await store.range('/registry/')).entries)
        await store.commit({ if: [], delete: [entry.key] });
      return store;
    },
  },
];

for (const { name, open } of stores) {
  t.test(`${name}: what was there before and what comes later is listed in key order, with wire bytes`, async (t) => {
    const store = await open();
    const names = Array.from({ length: 1_203 }, (_, n) => ({ namespace: `t${n % 7}`, name: `s${n}` }));
    for (let start = 0; start < names.length; start += 100) {
      const put = names.slice(start, start + 100).map((site) => ({
        key: objectKey(sites, site.namespace, site.name),
        value: encode(site),
      }));
      await store.commit({ if: [], put });
    }
    const cache = await started(store);
    t.same(state(cache), await stored(store));
    await write(store, { namespace: 't-x', name: 'new' });
    await write(store, { namespace: 't3', name: 's3', host: 'web2' });
    await remove(store, { namespace: 't1', name: 's1' });
    t.equal(await cache.sync(), cache.revision);
    t.same(state(cache), await stored(store));
    t.same(
      paths(cache.list(sites, 't3')),
      paths(cache.list(sites)).filter((path) => path.startsWith('t3/')),
    );
    t.equal(cache.count(sites), 1_203);
    t.equal(cache.count(sites, 't1'), 171);
    t.equal(cache.count(sites, 't'), 0);
    const changed = cache.get(sites, 't3', 's3');
    t.match(changed?.object, { metadata: { resourceVersion: String(changed?.revision) }, status: { host: 'web2' } });
    t.same(JSON.parse(changed?.bytes.toString() ?? ''), changed?.object);
    t.equal(cache.get(sites, 't1', 's1'), undefined);
    t.same([...cache.collections()], [sites]);
    await cache.close();
    await store.close();
  });

  t.test(`${name}: a subscriber sees every event after its start, and progress when there is none`, async (t) => {
    const store = await open();
    const site = { namespace: 'a', name: 'one' };
    const first = await write(store, site);
    await store.compact(first);
    const cache = await started(store);
    const start = await write(store, { ...site, host: 'web2' });
    await cache.waitFor(start);
    const signal = AbortSignal.timeout(patienceMs);
    const stop = new AbortController();
    const later = cache.subscribe(sites, start, stop.signal);
    const all = cache.subscribe(undefined, cache.revision, signal);
    const modified = await write(store, { ...site, host: 'web3' });
    const deleted = await remove(store, site);
    const added = await write(store, site);
    const events = (await readUntil(later, added)).flatMap((batch) => batch.events);
    t.same(
      events.map(({ type, revision, current, previous }) => [
        type,
        revision,
        current.object['status'],
        previous?.revision,
      ]),
      [
        ['modified', modified, { host: 'web3' }, start],
        ['deleted', deleted, { host: 'web3' }, modified],
        ['added', added, { host: 'web1' }, undefined],
      ],
    );
    t.equal(
      events[1]?.current.object.metadata.resourceVersion,
      String(deleted),
      'the last state has the revision of the deletion',
    );
    t.same(
      (await readUntil(all, added)).flatMap((batch) => batch.events),
      events,
      'the very same events',
    );
    t.throws(() => cache.subscribe(sites, first - 1, signal), { code: 'WCP_API', status: 410, reason: 'Expired' });
    const key = objectKey(tenants, '', 'acme');
    const elsewhere = committed(await store.commit({ if: [], put: [{ key, value: encode(site) }] }));
    const progress = await readUntil(cache.subscribe(sites, added, signal), elsewhere);
    t.same(
      progress.flatMap((batch) => batch.events),
      [],
    );
    const waiting = readUntil(cache.subscribe(sites, added, stop.signal), Infinity);
    stop.abort();
    await waiting;
    t.same(paths(cache.list(tenants)), ['/acme']);
    await cache.close();
    await store.close();
  });

  t.test(
    `${name}: random writes leave the cache equal to the store, and the events lead to the same state`,
    async (t) => {
      const store = await open();
      const place = fc.record({
        namespace: fc.constantFrom('a', 'a-b', 'a.b', 'b'),
        name: fc.constantFrom('x', 'y', 'x-y', 'x.y', 'z'),
        host: fc.constantFrom('web1', 'web2'),
      });
      const step = fc.record({ site: place, deletes: fc.boolean() });
      const cache = await started(store);
      cache.defineIndex(sites, { name: 'host', valuesOf: (object) => [(object['status'] as { host: string }).host] });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
          const start = await cache.sync();
          const replayed = new Map([...cache.list(sites)].map((cached) => [pathOf(cached), cached.bytes.toString()]));
          const subscription = cache.subscribe(sites, start, AbortSignal.timeout(patienceMs));
          for (const { site, deletes } of steps) await (deletes ? remove(store, site) : write(store, site));
          const end = await cache.sync();
          const batches = end > start ? await readUntil(subscription, end) : [];
          for (const { type, current } of batches.flatMap((batch) => batch.events)) {
            if (type === 'deleted') replayed.delete(pathOf(current));
            else replayed.set(pathOf(current), current.bytes.toString());
          }
          const now = state(cache);
          t.strictSame(now, await stored(store));
          t.strictSame([...replayed.keys()].toSorted(), paths(cache.list(sites)).toSorted());
          for (const cached of cache.list(sites)) t.equal(replayed.get(pathOf(cached)), cached.bytes.toString());
          for (const host of ['web1', 'web2']) {
            const byScan = [...cache.list(sites)].filter(
              (cached) => cached.object['status']?.['host' as never] === host,
            );
            t.strictSame(paths(cache.byIndex(sites, 'host', host)), paths(byScan));
          }
        }),
        { numRuns: 25 },
      );
      await cache.close();
      await store.close();
    },
  );

  t.test(`${name}: when history was compacted away the cache reads again and tells what is different`, async (t) => {
    const store = await open();
    await write(store, { namespace: 'a', name: 'kept' });
    await write(store, { namespace: 'a', name: 'changed' });
    await write(store, { namespace: 'a', name: 'deleted' });
    const blocked = blockable(store);
    const cache = await started(blocked.store);
    await cache.waitFor(await write(store, { namespace: 'b', name: 'watched' }));
    const before = cache.revision;
    const subscription = cache.subscribe(sites, before, AbortSignal.timeout(patienceMs));
    await blocked.block();
    const changed = await write(store, { namespace: 'a', name: 'changed', host: 'web2' });
    await remove(store, { namespace: 'a', name: 'deleted' });
    const added = await write(store, { namespace: 'a', name: 'added' });
    await store.compact(added);
    blocked.release();
    await cache.waitFor(added, { timeoutMs: patienceMs });
    const events = (await readUntil(subscription, added)).flatMap((batch) => batch.events);
    t.same(
      events.map(({ type, revision, current }) => [type, current.name, revision]),
      [
        ['modified', 'changed', changed],
        ['added', 'added', added],
        ['deleted', 'deleted', added],
      ].toSorted((a, b) => Number(a[2]) - Number(b[2])),
    );
    t.same(state(cache), await stored(store));
    t.throws(() => cache.subscribe(sites, before, AbortSignal.timeout(patienceMs)), { code: 'WCP_API', status: 410 });
    const last = await write(store, { namespace: 'a', name: 'after' });
    await cache.waitFor(last);
    await cache.close();
    await store.close();
  });
}

/** A store whose watches can be broken and held back. */
function blockable(store: Store) {
  let gate: Promise<void> = Promise.resolve();
  let release = (): void => undefined;
  let breakWatch = new AbortController();
  async function* watch(prefix: string, after: number, signal: AbortSignal) {
    await gate;
    yield* store.watch(prefix, after, AbortSignal.any([signal, breakWatch.signal]));
  }
  return {
    store: { ...store, watch } satisfies Store,
    block: () => {
      gate = new Promise((resolve) => (release = resolve));
      breakWatch.abort();
      breakWatch = new AbortController();
      return new Promise((resolve) => setTimeout(resolve, 50));
    },
    release: () => release(),
  };
}

t.test('etcd: a cache over a connection that is cut stays equal to the store', async (t) => {
  const proxy = await startTcpProxy(etcd.port);
  const direct = await etcd.open();
  const far = await etcd.open({ endpoint: `http://127.0.0.1:${proxy.port}`, requestTimeoutMs: 2_000 });
  const cache = await started(far);
  const subscription = cache.subscribe(sites, cache.revision, AbortSignal.timeout(patienceMs));
  const count = cache.count(sites);
  let last = 0;
  for (let n = 0; n < 400; n++) {
    last = await write(direct, { namespace: 'cut', name: `s${n}` });
    if (n % 90 === 50) proxy.cut();
  }
  const events = (await readUntil(subscription, last)).flatMap((batch) => batch.events);
  t.equal(events.length, 400);
  t.same(state(cache), await stored(direct));
  t.equal(cache.count(sites), count + 400);
  await cache.close();
  await Promise.all([far.close(), direct.close(), proxy.close()]);
});

t.test('etcd: a revision that somebody else made in the same store does not hold a strong read up', async (t) => {
  const store = await etcd.open();
  const cache = await started(store);
  await store.commit({ if: [], put: [{ key: '/other/program', value: Buffer.from('x') }] });
  const revision = await store.currentRevision();
  const begun = performance.now();
  t.ok((await cache.sync()) >= revision);
  t.ok(cache.revision >= revision);
  t.ok(performance.now() - begun < patienceMs);
  await cache.close();
  await store.close();
});

t.test('a revision that does not come is answered with 504 and the cause that clients know', async (t) => {
  const store = openMemoryStore();
  const cache = await started(store);
  await t.rejects(cache.waitFor(1_000, { timeoutMs: 50 }), {
    code: 'WCP_API',
    status: 504,
    reason: 'Timeout',
    details: { retryAfterSeconds: 1, causes: [{ reason: 'ResourceVersionTooLarge' }] },
  });
  const reason = new Error('gone');
  await t.rejects(cache.waitFor(1_000, { signal: AbortSignal.abort(reason) }), reason);
  const waiting = cache.waitFor(1_000);
  const refused = t.rejects(waiting, { code: 'WCP_HOST' }, 'a closed cache keeps nobody waiting');
  await cache.close();
  await refused;
});

t.test(
  'strong reads share calls, but nobody is given the answer of a call that began before the question',
  async (t) => {
    const store = openMemoryStore();
    const asked: number[] = [];
    let answer: (() => void) | undefined;
    let isSlow = false;
    const slow: Store = {
      ...store,
      currentRevision: async () => {
        const revision = await store.currentRevision();
        if (!isSlow) return revision;
        asked.push(revision);
        await new Promise<void>((resolve) => (answer = resolve));
        return revision;
      },
    };
    const cache = await started(slow);
    isSlow = true;
    const first = cache.sync();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const revision = await write(store, { namespace: 'a', name: 'late' });
    const others = Array.from({ length: 50 }, () => cache.sync());
    answer?.();
    await first;
    await new Promise((resolve) => setTimeout(resolve, 5));
    answer?.();
    t.same(new Set(await Promise.all(others)), new Set([revision]));
    t.equal(asked.length, 2);
    await cache.close();
  },
);

t.test('a cache tells what had happened before it began, as far as the store remembers', async (t) => {
  const store = openMemoryStore();
  const site = { namespace: 'a', name: 'one' };
  const forgotten = await write(store, site);
  const kept = await write(store, { ...site, host: 'web2' });
  await store.compact(kept);
  const deleted = await remove(store, site);
  const added = await write(store, { namespace: 'a', name: 'two' });
  const cache = await started(store);
  const signal = AbortSignal.timeout(patienceMs);
  t.same([...cache.list(sites)].map(pathOf), ['a/two'], 'what is there now is there at once');
  t.same(
    (await readUntil(cache.subscribe(sites, kept, signal), added)).flatMap(({ events }) =>
      events.map(({ type, revision, previous }) => [type, revision, previous?.revision]),
    ),
    [
      ['deleted', deleted, kept],
      ['added', added, undefined],
    ],
  );
  t.throws(() => cache.subscribe(sites, forgotten, signal), { code: 'WCP_API', status: 410 });
  await cache.close();
});

t.test('a past that cannot be read is done without, at the beginning and on the way to now', async (t) => {
  for (const method of ['range', 'watch'] as const) {
    const store = openMemoryStore();
    const site = { namespace: 'a', name: 'one' };
    const first = await write(store, site);
    const last = await write(store, { ...site, host: 'web2' });
    const unreadable: Store = {
      ...store,
      range: async (prefix, options) => {
        if (method === 'range' && options?.revision === first) throw new HostError('the key is gone');
        return store.range(prefix, options);
      },
      watch: (prefix, after, signal) => {
        if (method === 'watch' && after < last) throw new HostError('the key is gone');
        return store.watch(prefix, after, signal);
      },
    };
    const cache = await started(unreadable);
    t.equal(cache.get(sites, 'a', 'one')?.revision, last);
    const added = await write(store, { namespace: 'a', name: 'two' });
    await cache.waitFor(added);
    t.equal(cache.count(sites), 2);
    await cache.close();
  }
});

t.test('a list, once begun, does not move; nor does a snapshot', async (t) => {
  const store = openMemoryStore();
  for (let n = 100; n < 700; n++) await write(store, { namespace: 'a', name: `s${n}` });
  const cache = await started(store);
  const snapshot = cache.snapshot(sites);
  const list = cache.list(sites);
  const before = paths(list);
  const half: string[] = [];
  for (const cached of list) {
    half.push(pathOf(cached));
    if (half.length !== 300) continue;
    await remove(store, { namespace: 'a', name: 's450' });
    await cache.waitFor(await write(store, { namespace: 'a', name: 's999' }));
  }
  t.same(half, before);
  t.same(paths(list), before, 'also the second time');
  t.equal(snapshot.count(), 600);
  t.equal(snapshot.count('a'), 600);
  t.same(paths(snapshot.list('a', { namespace: 'a', name: 's450' })), before.slice(351));
  t.same(paths(snapshot.list(undefined, { namespace: 'a', name: 's450' })), before.slice(351));
  t.equal(cache.count(sites), 600);
  t.not(cache.get(sites, 'a', 's999'), undefined);
  await cache.close();
});

t.test('events of one revision come in one batch, and all collections change at once', async (t) => {
  const store = openMemoryStore();
  const cache = await started(store);
  const subscription = cache.subscribe(undefined, cache.revision, AbortSignal.timeout(patienceMs));
  const revision = committed(
    await store.commit({
      if: [],
      put: Array.from({ length: 700 }, (_, n) => ({
        key: objectKey(n % 2 === 0 ? sites : tenants, n % 2 === 0 ? 'a' : '', `s${n}`),
        value: encode({ namespace: 'a', name: `s${n}` }),
      })),
    }),
  );
  const batches = await readUntil(subscription, revision);
  t.same(
    batches.map((batch) => batch.events.length).filter((length) => length > 0),
    [700],
  );
  await cache.close();
});

t.test('who reads too slowly is dropped, and nobody else notices', async (t) => {
  const store = openMemoryStore();
  const cache = await started(store, { history: { minEvents: 50, minAgeMs: 0, maxEvents: 100 } });
  const signal = AbortSignal.timeout(patienceMs);
  const slow = cache.subscribe(sites, cache.revision, signal)[Symbol.asyncIterator]();
  const fast = cache.subscribe(sites, cache.revision, signal);
  await write(store, { namespace: 'a', name: 'first' });
  t.equal((await slow.next()).done, false);
  const reading = readUntil(fast, cache.revision + 301);
  let last = 0;
  for (let n = 0; n < 301; n++) last = await write(store, { namespace: 'a', name: `s${n}` });
  await cache.waitFor(last);
  await t.rejects(slow.next(), { name: 'SlowConsumerError', status: 410 });
  t.equal((await reading).flatMap((batch) => batch.events).length, 302);
  t.throws(() => cache.subscribe(sites, last - 200, signal), { code: 'WCP_API', status: 410 });
  const recent = cache.subscribe(sites, last - 40, signal);
  t.equal((await readUntil(recent, last)).flatMap((batch) => batch.events).length, 40);
  await cache.close();
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What this process holds, garbage left out. */
function heldMegabytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1e6;
}

t.test('history holds what its bound allows, in all collections together, however large the objects', async (t) => {
  const store = openMemoryStore();
  const cache = await started(store, { history: { maxBytes: 16 * 1024 * 1024 } });
  const kinds = Array.from({ length: 8 }, (_, n) => `hosting.wcp360.io/kind${n}`);
  const commit = async (collection: string, size: number): Promise<number> => {
    const value = encode({ namespace: 'a', name: 'x', size });
    return committed(await store.commit({ if: [], put: [{ key: objectKey(collection, 'a', 'x'), value }] }));
  };
  const begun = await commit(tenants, 10);
  for (const kind of kinds) cache.defineIndex(kind, { name: 'words', valuesOf: (object) => [object.metadata.name] });
  const before = heldMegabytes();
  for (const kind of kinds)
    for (let count = 0; count < 40; count++) {
      const revision = await commit(kind, 1_000_000);
      await cache.waitFor(revision);
      await store.compact(revision);
    }
  const held = heldMegabytes() - before;
  t.ok(held < 100, `${Math.round(held)} MB after ${kinds.length * 40} events of 1 MB`);
  const signal = AbortSignal.timeout(patienceMs);
  t.throws(() => cache.subscribe(kinds[0], begun, signal), { code: 'WCP_API', status: 410 });
  t.doesNotThrow(() => cache.subscribe(tenants, begun - 1, signal), 'a collection with few changes keeps them');
  await cache.close();
});

function countParsing() {
  const count = {
    parsed: 0,
    parse: (bytes: Buffer) => {
      count.parsed++;
      return parseObject(bytes);
    },
  };
  return count;
}

t.test('what watchers ask of the past is parsed once for all of them, and not kept for long', async (t) => {
  const store = openMemoryStore();
  const count = countParsing();
  const cache = await started(store, count);
  const start = cache.revision;
  let last = 0;
  for (let n = 0; n < 60; n++) last = await write(store, { namespace: 'a', name: 'x', size: 1_000_000 });
  await cache.waitFor(last);
  await store.compact(last);
  const before = heldMegabytes();
  const looked = new Set<string>();
  for await (const batch of cache.subscribe(sites, start, AbortSignal.timeout(patienceMs))) {
    for (let watcher = 0; watcher < 100; watcher++)
      for (const { previous, current } of batch.events)
        looked.add(current.object.kind).add(previous?.object.kind ?? '');
    if (batch.revision >= last) break;
  }
  t.same([...looked], ['Domain', '']);
  t.ok(count.parsed <= 120, `${count.parsed} parsed of 60`);
  const held = heldMegabytes() - before;
  t.ok(held < 30, `${Math.round(held)} MB`);
  await cache.close();
});

t.test('what has left history is parsed no longer, however short history is', async (t) => {
  const store = openMemoryStore();
  const count = countParsing();
  const cache = await started(store, { ...count, history: { minEvents: 10, minAgeMs: 0, maxEvents: 10 } });
  cache.defineIndex(sites, { name: 'words', valuesOf: (object) => [object.metadata.name] });
  for (let n = 0; n < 30; n++) await cache.waitFor(await write(store, { namespace: 'a', name: `n${n}` }));
  count.parsed = 0;
  for (const cached of cache.list(sites)) t.equal(cached.object.kind, 'Domain');
  t.equal(count.parsed, 20);
  await cache.close();
});

t.test('a subscriber that starts ahead of the cache is told of nothing older', async (t) => {
  const store = openMemoryStore();
  const cache = await started(store);
  const future = cache.revision + 3;
  const subscription = cache.subscribe(sites, future, AbortSignal.timeout(patienceMs));
  for (let n = 0; n < 5; n++) await write(store, { namespace: 'a', name: `s${n}` });
  const events = (await readUntil(subscription, future + 2)).flatMap((batch) => batch.events);
  t.same(
    events.map((event) => event.revision),
    [future + 1, future + 2],
  );
  await cache.close();
});

t.test('an index defined late finds what is there, and follows; several values stand for one object', async (t) => {
  const store = openMemoryStore();
  await write(store, { namespace: 'b', name: 'one' });
  await write(store, { namespace: 'a', name: 'two' });
  const cache = await started(store);
  cache.defineIndex(sites, {
    name: 'words',
    valuesOf: (object) => [object.metadata.name, (object['status'] as { host: string }).host],
  });
  t.same(paths(cache.byIndex(sites, 'words', 'web1')), ['a/two', 'b/one']);
  await write(store, { namespace: 'b', name: 'one', host: 'web2' });
  await cache.waitFor(await remove(store, { namespace: 'a', name: 'two' }));
  t.same(paths(cache.byIndex(sites, 'words', 'web1')), []);
  t.same(paths(cache.byIndex(sites, 'words', 'web2')), ['b/one']);
  t.same(paths(cache.byIndex(sites, 'words', 'one')), ['b/one']);
  t.same(paths(cache.byIndex(sites, 'nothing', 'one')), []);
  await cache.close();
});

t.test('an index keeps nothing of what was there before it but the values', async (t) => {
  const store = openMemoryStore();
  await write(store, { namespace: 'a', name: 'one' });
  const count = countParsing();
  const cache = await started(store, count);
  cache.defineIndex(sites, { name: 'name', valuesOf: (object) => [object.metadata.name] });
  const [found] = cache.byIndex(sites, 'name', 'one');
  t.equal(count.parsed, 1);
  t.equal(found?.object.metadata.name, 'one');
  t.equal(count.parsed, 2, 'the object was not held by the index');
  t.equal(found?.object, found?.object, 'an object that was asked for is');
  await cache.close();
});

t.test('a value that is no object is left out, told of, and holds nothing up', async (t) => {
  const store = openMemoryStore();
  const key = objectKey(sites, 'a', 'odd');
  await store.commit({ if: [], put: [{ key, value: Buffer.from('nonsense') }] });
  const told: unknown[] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (facts: unknown) => void told.push(facts),
    child: () => log,
  };
  const cache = await started(store, { log });
  await cache.waitFor(await write(store, { namespace: 'a', name: 'good' }));
  t.same(paths(cache.list(sites)), ['a/good']);
  t.same(told, [{ subject: key }]);
  await cache.close();
});

t.test('a cache that is closed before its first read says so, and keeps no reader', async (t) => {
  const store = openMemoryStore();
  const silent: Store = {
    ...store,
    range: () => new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 50)),
  };
  const cache = startWatchCache({ store: silent });
  const refused = t.rejects(cache.ready, { code: 'WCP_HOST' });
  await cache.close();
  await refused;
  const open = await started(store);
  const reading = readUntil(open.subscribe(sites, open.revision, AbortSignal.timeout(patienceMs)), Infinity);
  await open.close();
  t.same(await reading, []);
});
