import t from 'tap';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';
import { bytes, collect, committed, put, storeContract } from '#test/contracts/store.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { startEtcd } from '#test/lab/etcd.ts';
import { startEtcdCluster } from '#test/lab/etcd-cluster.ts';
import { startTcpProxy } from '#test/lab/tcp-proxy.ts';
import type { Store } from '#runtime/storage/store.ts';

const memory = openMemoryStore();
const etcd = await startEtcd();
const store = await etcd.open();
t.teardown(async () => {
  await Promise.all([memory.close(), store.close()]);
  await etcd.stop();
});

storeContract(t, 'memory', () => ({ store: memory }));
storeContract(t, 'etcd', () => ({ store }));

t.test('etcd: a range without a limit brings more than one page, all of one revision', async (t) => {
  const prefix = '/registry/many/';
  for (let start = 0; start < 2_500; start += 100) {
    await store.commit({
      if: [],
      put: Array.from({ length: 100 }, (_, n) => ({ key: `${prefix}${start + n + 10_000}`, value: bytes('x') })),
    });
  }
  const range = await store.range(prefix);
  t.equal(range.entries.length, 2_500);
  t.equal(range.remaining, 0);
});

t.test('etcd: a watch over a connection that is cut again and again misses nothing and repeats nothing', async (t) => {
  const proxy = await startTcpProxy(etcd.port);
  const cut = await etcd.open({ endpoint: `http://127.0.0.1:${proxy.port}` });
  const prefix = '/registry/cut/';
  const start = await store.currentRevision();
  const expected: number[] = [];
  for (let n = 0; n < 3_000; n += 50) {
    const revisions = Array.from({ length: 50 }, (_, i) => put(store, `${prefix}${i}`, `${n}`.padEnd(500, 'x')));
    expected.push(...(await Promise.all(revisions)));
  }
  const seen: number[] = [];
  let cuts = 0;
  const watching = (async () => {
    for await (const batch of cut.watch(prefix, start, AbortSignal.timeout(patienceMs))) {
      seen.push(...batch.changes.map((change) => change.revision));
      if (seen.length >= 3_500) break;
      if (cuts < 5 && seen.length > cuts * 600) {
        cuts++;
        proxy.cut();
      }
    }
  })();
  for (let n = 0; n < 500; n++) expected.push(await put(store, `${prefix}${n % 50}`, 'late'));
  await watching;
  t.ok(cuts >= 3, 'the connection was cut while events were on their way');
  t.same(
    seen,
    expected.toSorted((a, b) => a - b),
  );
  await cut.close();
  await proxy.close();
});

t.test('etcd: a connection that answers nothing any more is noticed and the watch goes on', async (t) => {
  const proxy = await startTcpProxy(etcd.port);
  const far = await etcd.open({ endpoint: `http://127.0.0.1:${proxy.port}`, requestTimeoutMs: 1_000 });
  const prefix = '/registry/frozen/';
  const start = await store.currentRevision();
  const watching = collect(far.watch(prefix, start, AbortSignal.timeout(patienceMs)), (all) => all.length >= 2);
  await put(store, `${prefix}a`, '1');
  await new Promise((resolve) => setTimeout(resolve, 300));
  proxy.freeze();
  await put(store, `${prefix}a`, '2');
  const begunMs = performance.now();
  await t.rejects(far.read(`${prefix}a`), { code: 'WCP_HOST' }, 'calls are bounded meanwhile');
  const connections = proxy.connections();
  const thawed = (async () => {
    while (proxy.connections() === connections) await new Promise((resolve) => setTimeout(resolve, 100));
    proxy.open();
  })();
  const changes = await watching;
  await thawed;
  t.same(
    changes.map((change) => change.value?.toString()),
    ['1', '2'],
  );
  t.comment(`noticed after ${Math.round(performance.now() - begunMs)} ms`);
  await far.close();
  await proxy.close();
});

t.test('etcd: a commit whose answer is lost rejects and is not repeated', async (t) => {
  const proxy = await startTcpProxy(etcd.port);
  const far = await etcd.open({ endpoint: `http://127.0.0.1:${proxy.port}`, requestTimeoutMs: 2_000 });
  const key = '/registry/lost/a';
  for (let round = 0; round < 10; round++) {
    const before = (await store.read(key)).entry?.revision ?? 0;
    const commit = far.commit({ if: [{ key, revision: before }], put: [{ key, value: bytes(`${round}`) }] });
    setTimeout(() => proxy.cut(), round / 4);
    const outcome = await commit.catch((err: unknown) => err);
    const after = (await store.read(key)).entry;
    if (outcome instanceof Error) t.match(outcome, { code: 'WCP_HOST' });
    else t.match(outcome, { committed: true, revision: after?.revision });
    t.ok(after === undefined || after.revision >= before);
  }
  await far.close();
  await proxy.close();
});

t.test(
  'etcd: killed without warning and started again, it has every commit that was confirmed, and watches go on',
  async (t) => {
    const own = await startEtcd();
    const client: Store = await own.open({ requestTimeoutMs: 2_000 });
    const prefix = '/registry/killed/';
    const confirmed = new Map<string, number>();
    const start = await client.currentRevision();
    const seen = new Map<string, number>();
    let finished = false;
    const watching = (async () => {
      for await (const batch of client.watch(prefix, start, AbortSignal.timeout(patienceMs))) {
        for (const change of batch.changes) seen.set(change.key, change.revision);
        if (finished && [...confirmed.keys()].every((key) => seen.has(key))) break;
      }
    })();
    for (let round = 0; round < 2; round++) {
      const writing = (async () => {
        for (let n = 0; n < 400; n++) {
          const key = `${prefix}${round}-${n}`;
          try {
            confirmed.set(key, await put(client, key, 'x'));
          } catch (err) {
            t.match(err, { code: 'WCP_HOST' });
            break;
          }
        }
      })();
      await new Promise((resolve) => setTimeout(resolve, 150));
      await own.kill();
      await writing;
      await own.start();
    }
    finished = true;
    confirmed.set(`${prefix}last`, await put(client, `${prefix}last`, 'x'));
    await watching;
    const stored = new Map((await client.range(prefix)).entries.map((entry) => [entry.key, entry.revision]));
    for (const [key, revision] of confirmed) {
      if (stored.get(key) !== revision || seen.get(key) !== revision) t.fail(`${key} was lost`);
    }
    t.ok(confirmed.size > 10, `${confirmed.size} commits were confirmed`);
    await client.close();
    await own.stop();
  },
);

t.test('etcd: values with the same time to live share a lease, and none goes early', async (t) => {
  const prefix = '/registry/leases/';
  const start = await store.currentRevision();
  const puts = Array.from({ length: 20 }, (_, n) => ({ key: `${prefix}${n}`, value: bytes('x'), ttlSeconds: 3 }));
  const begun = Date.now();
  for (const one of puts) committed(await store.commit({ if: [], put: [one] }));
  const changes = await collect(store.watch(prefix, start, AbortSignal.timeout(patienceMs)), (all) => all.length >= 40);
  t.ok(Date.now() - begun >= 3_000);
  t.ok(new Set(changes.slice(20).map((change) => change.revision)).size <= 5, 'they go together');
});

t.test('etcd: with mutual TLS it answers its own clients and nobody else', async (t) => {
  const secure = await startEtcd({ tls: true });
  const client = await secure.open();
  t.ok((await client.currentRevision()) > 0);
  const start = await client.currentRevision();
  await put(client, '/registry/tls/a', 'x');
  const changes = await collect(
    client.watch('/registry/tls/', start, AbortSignal.timeout(patienceMs)),
    (all) => all.length > 0,
  );
  t.equal(changes.length, 1);
  await client.close();
  const stranger = await startEtcd({ tls: true });
  await t.rejects(
    openEtcdStore({
      endpoints: [secure.endpoint],
      ...(stranger.tls === undefined ? {} : { tls: stranger.tls }),
      dialTimeoutMs: 500,
    }),
    { code: 'WCP_HOST' },
    'a certificate of another authority',
  );
  await t.rejects(
    openEtcdStore({ endpoints: [secure.endpoint.replace('https', 'http')], dialTimeoutMs: 500 }),
    { code: 'WCP_HOST' },
    'no TLS at all',
  );
  await stranger.stop();
  await secure.stop();
});

t.test('etcd: an address where nobody answers is given up in the time that was allowed', async (t) => {
  const begunMs = performance.now();
  await t.rejects(openEtcdStore({ endpoints: ['http://127.0.0.1:9'], dialTimeoutMs: 400 }), { code: 'WCP_HOST' });
  // Ten seconds are what is allowed unless something else is said.
  t.ok(performance.now() - begunMs < 8_000);
});

t.test(
  'etcd: a cluster of three goes on without any one of its members, and nothing confirmed is lost',
  { timeout: 180_000 },
  async (t) => {
    const cluster = await startEtcdCluster();
    const client = await cluster.open();
    const prefix = '/registry/cluster/';
    const confirmed = new Map<string, number>();
    const start = await client.currentRevision();
    const seen: number[] = [];
    let isDone = false;
    const lifetime = new AbortController();
    t.teardown(async () => {
      isDone = true;
      lifetime.abort();
      await client.close();
      await cluster.stop();
    });
    const watching = (async () => {
      for await (const { changes } of client.watch(prefix, start, lifetime.signal)) {
        seen.push(...changes.map(({ revision }) => revision));
      }
    })();
    const stale: string[] = [];
    const writing = Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const key = `${prefix}${n}`;
        while (!isDone) {
          const known = confirmed.get(key) ?? 0;
          const found = await client.read(key).catch(() => undefined);
          if (found === undefined) continue;
          const at = found.entry?.revision ?? 0;
          if (at < known) stale.push(`${key} at ${at} after ${known}`);
          const outcome = await client
            .commit({ if: [{ key, revision: at }], put: [{ key, value: bytes('x') }] })
            .catch(() => undefined);
          if (outcome?.committed === true) confirmed.set(key, outcome.revision);
        }
      }),
    );
    const progress = async (): Promise<boolean> => {
      const before = new Map(confirmed);
      const giveUpAt = Date.now() + 20_000;
      const isBehind = (): boolean => [...confirmed].some(([key, revision]) => revision <= (before.get(key) ?? 0));
      while (isBehind() && Date.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 20));
      return !isBehind();
    };
    while (confirmed.size < 8) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const [index, member] of cluster.members.entries()) {
      const outages = [
        ['killed', member.kill, member.start],
        ['paused', member.pause, member.resume],
        ['cut off', () => cluster.isolate(index), () => cluster.isolate(undefined)],
      ] as const;
      for (const [what, begin, end] of outages) {
        await begin();
        t.ok(await progress(), `member ${index} ${what}: every key is written on`);
        end();
        t.ok(await progress(), 'and afterwards');
      }
    }
    isDone = true;
    await writing;
    const range = await client.range(prefix);
    const last = Math.max(...range.entries.map(({ revision }) => revision));
    while (seen.at(-1) !== last) await new Promise((resolve) => setTimeout(resolve, 20));
    lifetime.abort();
    await watching;
    t.same(stale, [], 'no read is older than what was confirmed before');
    for (const { key, revision } of range.entries) t.ok(revision >= (confirmed.get(key) ?? 0), `${key} stands`);
    const distinct = new Set(seen);
    t.equal(distinct.size, seen.length, 'no change is told twice');
    t.same(
      seen,
      seen.toSorted((a, b) => a - b),
      'nor out of order',
    );
    for (const [key, revision] of confirmed) t.ok(distinct.has(revision), `the last change of ${key} was told`);
  },
);
