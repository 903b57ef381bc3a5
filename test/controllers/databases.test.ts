import fc from 'fast-check';
import t from 'tap';
import { createRetainedDataHostController } from '#controllers/retained-data/host.ts';
import { databaseNameOf, ENGINES, usernameOf } from '#controllers/database-names.ts';
import { sizeInputsOf } from '#controllers/database/size.ts';
import { required } from '#runtime/base/errors.ts';
import { createDatabaseSizes } from '#runtime/drivers/databases/sizes.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, isRefused } from '#runtime/manager/controller.ts';
import { createInformerCache, kindId } from '#runtime/manager/informer-cache.ts';
import type { Informer } from '#runtime/manager/informer.ts';
import { createObjectStore, type ObjectStore } from '#runtime/manager/object-store.ts';
import {
  databaseKind,
  databaseServerKind,
  databaseUserKind,
  retainedDataKind,
  tenantKind,
  type Database,
  type DatabaseServer,
  type RetainedData,
} from '#schemas/index.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { aCache } from '#test/builders/cache.ts';
import { controllers, hostParts } from '#test/builders/controllers.ts';
import { anObject, aTenant } from '#test/builders/objects.ts';

void t.test('what objects are called on a server meets nowhere, and is nobody else’s name there', (t) => {
  const word = fc.stringMatching(/^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/);
  const names = fc.uniqueArray(fc.tuple(word, word), { selector: (pair) => pair.join('/'), minLength: 2 });
  const near = (...pairs: readonly (readonly [string, string])[]) => pairs;
  const long = 'x'.repeat(62);
  const check = (pairs: readonly (readonly [string, string])[]): void => {
    const all = pairs.flatMap(([namespace, name]) => [
      databaseNameOf(namespace, name),
      ...ENGINES.flatMap((engine) =>
        (['First', 'Second'] as const).map((turn) => `${engine} ${usernameOf({ namespace, name }, engine, turn)}`),
      ),
    ]);
    // On MariaDB both turns are one login.
    if (new Set(all).size !== pairs.length * 4) throw new Error(`names meet: ${JSON.stringify(pairs)}`);
    for (const name of all.map((each) => each.split(' ').at(-1) ?? ''))
      if (!/^[du]_[0-9a-f]{20}(_2)?$/.test(name)) throw new Error(`${name} is not opaque`);
  };
  fc.assert(fc.property(names, check), { numRuns: 500 });
  for (const pairs of [
    near(['a-b', 'c'], ['a', 'b-c'], ['a', 'b'], ['a-b-c', 'c'], ['b', 'a']),
    near(['acme', `${long}1`], ['acme', `${long}2`], ['acme', long]),
    near(['acme', 'mysql'], ['acme', 'postgres'], ['acme', 'root'], ['acme', 'public'], ['acme', 'template1']),
  ])
    check(pairs);
  t.end();
});

void t.test('a size is told when it matters, and a server that is gone has none', async (t) => {
  const sizes = createDatabaseSizes();
  const found = (name: string, bytes: number) => ({ name, owner: `Database/acme/${name}`, bytes });
  t.same(sizes.note('mariadb', [found('one', 0), found('two', 2 ** 30)]), ['Database/acme/one', 'Database/acme/two']);
  t.same(sizes.note('mariadb', [found('one', 524_288), found('two', 2 ** 30 + 2 ** 23)]), [], 'little');
  t.equal(sizes.of('mariadb', 'two'), 2 ** 30, 'what is little adds up');
  t.same(sizes.note('mariadb', [found('one', 524_289), found('two', 2 ** 30 + 2 ** 24)]), [
    'Database/acme/one',
    'Database/acme/two',
  ]);
  t.equal(sizes.of('postgresql', 'two'), undefined, 'of another server');
  t.same(sizes.note('mariadb', [found('one', 524_289)]), []);
  t.equal(sizes.of('mariadb', 'two'), undefined);
});

void t.test(
  'a database that was just made is known to be empty, and one that was there before is measured',
  async (t) => {
    const sizes = createDatabaseSizes();
    const found = (name: string, bytes: number) => ({ name, owner: `Database/acme/${name}`, bytes });
    sizes.noteMade('mariadb', 'early');
    t.equal(sizes.of('mariadb', 'early'), undefined, 'nobody has looked at that server');
    sizes.note('mariadb', [found('kept', 2 ** 30)]);
    sizes.noteMade('mariadb', 'new');
    sizes.noteMade('mariadb', 'kept');
    t.equal(sizes.of('mariadb', 'new'), 0);
    t.equal(sizes.of('mariadb', 'kept'), 2 ** 30, 'it was taken over');
    t.same(sizes.note('mariadb', [found('kept', 2 ** 30), found('new', 240_000)]), [], 'caches of the server');
  },
);

void t.test('a database is full above its limit, and open again once it is well below', async (t) => {
  const full = (status: string) => ({
    conditions: [{ type: 'Full', status, reason: 'Told', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
  });
  const cases: readonly (readonly [
    why: string,
    limit: string,
    given: number | undefined,
    size: number | undefined,
    was: string,
    is: boolean,
  ])[] = [
    ['it holds what it may', '100Mi', undefined, 100 * 2 ** 20, 'False', false],
    ['it holds a byte more', '100Mi', undefined, 100 * 2 ** 20 + 1, 'False', true],
    ['a little is gone', '100Mi', undefined, 96 * 2 ** 20, 'True', true],
    ['enough is gone', '100Mi', undefined, 95 * 2 ** 20, 'True', false],
    ['the package gives less', '100Mi', 50 * 2 ** 20, 60 * 2 ** 20, 'False', true],
    ['the package gives more', '100Mi', 200 * 2 ** 20, 150 * 2 ** 20, 'False', true],
    ['nobody has measured', '100Mi', undefined, undefined, 'True', true],
    ['nobody has measured, ever', '100Mi', undefined, undefined, 'Unknown', false],
  ];
  for (const [why, storage, givenBytes, measuredBytes, was, is] of cases) {
    const metadata = { name: 'shop', namespace: 'acme' };
    const database = anObject(databaseKind, {
      metadata,
      spec: { engine: 'MariaDB', limits: { storage } },
      status: full(was),
    });
    t.equal(sizeInputsOf(database, { measuredBytes, givenBytes }).isFull, is, why);
  }
  const unlimited = anObject(databaseKind, {
    metadata: { name: 'shop', namespace: 'acme' },
    spec: { engine: 'MariaDB' },
    status: full('True'),
  });
  const grown = (bytes: number) => {
    const status = { ...full('True'), size: '110Mi', sizeWhenFull: '110Mi' };
    const spec = { engine: 'PostgreSQL', limits: { storage: '100Mi' } };
    const database = anObject(databaseKind, { metadata: { name: 'shop', namespace: 'acme' }, spec, status });
    return sizeInputsOf(database, { measuredBytes: bytes, givenBytes: undefined });
  };
  t.match(grown(220 * 2 ** 20), { isFull: true, isGrowing: false, fullBytes: 110 * 2 ** 20 }, 'VACUUM FULL goes on');
  t.match(grown(395 * 2 ** 20), { isFull: true, isGrowing: true, fullBytes: 110 * 2 ** 20 });
  const again = anObject(databaseKind, {
    metadata: { name: 'shop', namespace: 'acme' },
    spec: { engine: 'PostgreSQL', limits: { storage: '100Mi' } },
  });
  const found = { measuredBytes: 395 * 2 ** 20, givenBytes: undefined };
  t.match(sizeInputsOf(again, found), { isGrowing: false }, 'the control: what is new has not grown');
  t.match(sizeInputsOf(again, { ...found, keptSizeWhenFull: '110Mi' }), { isGrowing: true }, 'nor is it forgotten');
  t.notOk(sizeInputsOf(unlimited, { measuredBytes: 2 ** 50, givenBytes: undefined }).isFull, 'without a limit never');
});

void t.test(
  'what the server has not, under a policy that makes nothing, is not ready, and other drift is told',
  async (t) => {
    const action = (op: string) => ({
      driver: 'mariadb',
      op,
      subject: 'mariadb/Database/acme/shop/d_one',
      reason: 'differs',
      disruption: 'none',
      changes: [],
      input: {},
    });
    for (const [kind, spec] of [
      [databaseKind, { engine: 'MariaDB' }],
      [databaseUserKind, { databases: [{ name: 'shop' }], secretName: 'db' }],
    ] as const) {
      const object = anObject<KindDefinition>(kind, { metadata: { name: 'shop', namespace: 'acme' }, spec });
      const controller = controllers.get(kind === databaseKind ? 'database.host' : 'database-user.host');
      const said = (op: string) =>
        controller?.status(
          object as never,
          {
            inputs: undefined,
            observed: undefined,
            outcome: { phase: 'drifted', withheld: [action(op)] },
            probes: [],
            now: '2026-01-01T00:00:00Z',
          } as never,
        )?.conditions;
      t.match(said('create-database'), [
        { type: 'Ready', status: 'False', reason: 'DriftFound' },
        { type: 'Drifted', status: 'True' },
      ]);
      t.match(said('put-database'), [
        { type: 'Ready', status: 'True' },
        { type: 'Drifted', status: 'True', message: /d_one/ },
      ]);
    }
  },
);

/** The leader's cache of a server that is full, for which as many Databases wait, and how often one of them all is looked at. */
function crowdedServer(count: number) {
  const stores = new Map<string, ObjectStore>();
  const storeOf = (id: string): ObjectStore => {
    const found = stores.get(id) ?? createObjectStore();
    stores.set(id, found);
    return found;
  };
  const all = [...controllers.values()].filter(({ name }) => /^database(-server|-user)?\.cluster$/.test(name));
  for (const { kind, index } of all.flatMap(({ indexes = [] }) => indexes)) storeOf(kindId(kind)).addIndex(index);
  const databases = storeOf(kindId(databaseKind));
  let looks = 0;
  const put = (object: Database): Database => {
    const get = (target: Database, field: string | symbol): unknown => {
      looks += 1;
      return Reflect.get(target, field);
    };
    const watched = new Proxy(object, { get });
    databases.set(watched);
    return watched;
  };
  const spec = { engine: 'PostgreSQL', managed: {}, limits: { databases: count } };
  const server = anObject(databaseServerKind, { metadata: { name: 'shared' }, spec });
  storeOf(kindId(databaseServerKind)).set(server);
  storeOf(kindId(tenantKind)).set(aTenant());
  for (let n = 0; n < count; n++) put(aDatabase(n, there));
  for (let n = count; n < 2 * count; n++) put(aDatabase(n, {}));
  return {
    cache: createInformerCache((id) => [{ store: storeOf(id) } as unknown as Informer]),
    server,
    put,
    drop: (n: number) => databases.delete(`acme/d${String(n)}`),
    looked: (work: () => void): number => {
      const before = looks;
      work();
      return looks - before;
    },
  };
}

const there = { host: 'web1', server: 'shared', serverVersion: '15.8' };

function aDatabase(n: number, status: Database['status'] & object): Database {
  const creationTimestamp = `2026-01-01T00:00:${String(n % 60).padStart(2, '0')}Z`;
  const metadata = { name: `d${String(n)}`, namespace: 'acme', creationTimestamp };
  return { ...aShared, metadata, status };
}

const aShared = anObject(databaseKind, {
  metadata: { name: 'd', namespace: 'acme' },
  spec: { engine: 'PostgreSQL', serverRef: { name: 'shared' } },
});

/** Whom a change of another object puts into the queue of a controller. */
function woken(
  name: string,
  kind: KindDefinition,
  [before, after]: readonly [KubeObject, KubeObject | undefined],
  cache: Cache,
): readonly string[] {
  const change = [after ?? before, before, after === undefined ? 'deleted' : 'modified'] as const;
  const watches = required(controllers.get(name), name).watches.filter((watch) => watch.kind === kind);
  const told = watches.filter(({ isNews }) => isNews?.(...change) !== false);
  const keys = told.flatMap(({ keysOf }) => [...keysOf(change[0], cache), ...keysOf(before, cache)]);
  return [...new Set(keys.map((key) => key.name))];
}

void t.test('what one Database costs its server, and those who wait for it, does not grow with their number', (t) => {
  const grown = { ...there, size: '1Gi' };
  const costs = [100, 10_000].map((count) => {
    const { cache, server, put, drop, looked } = crowdedServer(count);
    const gather = (name: string, object: Database | DatabaseServer): unknown =>
      required(controllers.get(name), name).gather(object, cache);
    t.match(gather('database-server.cluster', server), { databases: count, hosts: ['web1'] });
    const last = put(aDatabase(2 * count, {}));
    t.match(gather('database.cluster', last), { pending: { reason: 'ServerFull' } });
    const looks = looked(() => {
      put(aDatabase(7, grown));
      gather('database-server.cluster', server);
      gather('database.cluster', last);
    });
    t.same(woken('database.cluster', databaseKind, [aDatabase(7, there), aDatabase(7, grown)], cache), []);
    drop(7);
    const next = woken('database.cluster', databaseKind, [aDatabase(7, grown), undefined], cache);
    t.same(next, [count === 100 ? 'd120' : 'd10020'], 'the oldest has the place that is free');
    return looks;
  });
  t.comment(`looks at Databases: ${costs.join(' and ')}`);
  const [few = 0, many = Infinity] = costs;
  t.ok(many < 2 * few, `${String(many)} looks among 20000 Databases, ${String(few)} among 200`);
  t.end();
});

void t.test('how many Databases a server has wakes nobody but itself; what is said of it wakes all who use it', (t) => {
  const { cache, server } = crowdedServer(10);
  const counted = [5, 6].map((databases) => ({ ...server, status: { databases } })) as unknown as [
    KubeObject,
    KubeObject,
  ];
  const renewed = { ...server, status: { databases: 5, version: '15.9' } } as KubeObject;
  for (const name of ['database.cluster', 'database.host', 'database-user.cluster', 'database-user.host'])
    t.same(woken(name, databaseServerKind, counted, cache), [], name);
  t.equal(woken('database.cluster', databaseServerKind, [counted[0], renewed], cache).length, 10, 'who waits');
  t.equal(woken('database.host', databaseServerKind, [counted[0], renewed], cache).length, 20, 'who is there');
  t.equal(woken('database.cluster', databaseServerKind, [counted[0], undefined], cache).length, 10, 'it is gone');
  t.end();
});

void t.test('what is kept of a Database says what it holds, also once nobody can measure it any more', (t) => {
  const kept = (size?: string) =>
    anObject(retainedDataKind, {
      metadata: { name: 'database.acme.shop.u1.web1' },
      spec: {
        ...{
          objectRef: { kind: 'Database', namespace: 'acme', name: 'shop' },
          tenantRef: { name: 'acme' },
          host: 'web1',
        },
        database: { engine: 'MariaDB', databaseName: 'd_00000000000000000000' },
      },
      ...(size === undefined ? {} : { status: { size } }),
    });
  const told = (object: RetainedData, bytes: number | undefined): unknown => {
    const controller = createRetainedDataHostController({
      ...hostParts,
      databaseSizeOf: (driver, name) => (`${driver}/${name}` === 'mariadb/d_00000000000000000000' ? bytes : undefined),
    });
    const inputs = controller.gather(object, aCache([object], controller.indexes));
    if (isPending(inputs) || isRefused(inputs)) throw new Error(JSON.stringify(inputs));
    const input = { inputs, observed: undefined, outcome: { phase: 'synced' }, probes: [], now: '' } as const;
    return controller.status(object, input)?.fields.size;
  };
  t.equal(told(kept(), undefined), undefined, 'nobody has measured it');
  t.equal(told(kept(), 3 * 2 ** 30 + 1), '3073Mi');
  t.equal(told(kept('3Gi'), 3 * 2 ** 30 + 2 ** 20), '3Gi', 'little');
  t.equal(told(kept('3Gi'), 2 ** 30), '1Gi');
  t.equal(told(kept('3Gi'), undefined), '3Gi', 'it has become a file, or the agent was started anew');
  t.end();
});
