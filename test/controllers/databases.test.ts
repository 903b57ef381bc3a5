import fc from 'fast-check';
import t from 'tap';
import { databaseNameOf, ENGINES, usernameOf } from '#controllers/database-names.ts';
import { sizeInputsOf } from '#controllers/database/size.ts';
import { createDatabaseSizes } from '#runtime/drivers/databases/sizes.ts';
import { databaseKind, databaseUserKind } from '#schemas/index.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import { controllers } from '#test/builders/controllers.ts';
import { anObject } from '#test/builders/objects.ts';

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
