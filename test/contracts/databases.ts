import type { Test } from 'tap';
import { RefusedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type {
  DatabaseAccess,
  DatabaseAction,
  DatabaseGrant,
  DatabaseSettings,
  DatabaseState,
  LoginSettings,
} from '#runtime/drivers/databases/model.ts';
import type { DatabasesSnapshot } from '#runtime/drivers/databases/snapshot.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import { reach } from './driver.ts';

/** Somebody who is logged in. */
export interface DatabaseSession {
  /** Rows, each a list of what is in its columns, as text. Rejects with the server's words. */
  query(statement: string): Promise<readonly (readonly (string | null)[])[]>;
  close(): Promise<void>;
}

/** A real server of the test's own, and what differs between engines. */
export interface DatabasesUnderTest<Name extends string> {
  readonly driver: Driver<Name, DatabasesSnapshot, DatabaseState, DatabaseAction<Name>, DatabasesWorld>;
  readonly world: DatabasesWorld;
  /** Encoding and collation that the engine has by default. */
  readonly usual: Pick<DatabaseSettings, 'encoding' | 'collation'>;
  /** One that Debian's server brings; `undefined` where the engine has none. */
  readonly extension: string | undefined;
  /** Sets what a Secret holds. */
  setPassword(secretName: string, password: string): void;
  /** Logs in by the socket that tenants have. Rejects when it is refused. */
  login(name: string, password: string, database?: string): Promise<DatabaseSession>;
  /** As the administrator, into a database where one is named. */
  admin(database?: string): Promise<DatabaseSession>;
  /** Statements that the driver has sent so far, by the server's own log: those that only read, and all others. */
  statements(): Promise<{ readonly reads: number; readonly writes: number }>;
  /** All that the server and the driver have logged so far. */
  log(): Promise<string>;
  /** From now on the connection of the driver breaks once so many statements have been sent; `undefined`: no more. */
  breakAfter(statements: number | undefined): void;
  /** kill -9, and a new start. */
  crash(): Promise<void>;
  /** What a tenant may try beforehand, as Owner, to write once the database is full, and what then: each by itself. A name stands for the table to write to. */
  readonly tricks: readonly {
    readonly name: string;
    readonly before: readonly string[];
    readonly tries: readonly string[];
  }[];
  /** What an administrator may do by hand to the thing of this name, and which has to be put right. */
  readonly drifts: (
    database: string,
    login: string,
  ) => readonly { readonly name: string; readonly statements: readonly string[] }[];
  /** Statements that ask what there is of others: their rows must not hold a name of theirs that means something. */
  readonly peeks: readonly string[];
}

const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };
const other: Owner = { kind: 'Database', namespace: 'zoo', name: 'shop', uid: 'u2' };
const signal = new AbortController().signal;

/** The laws of databases, on a real server. Nothing of ours is left there at the end. */
export async function databasesContract<Name extends string>(t: Test, under: DatabasesUnderTest<Name>): Promise<void> {
  const { driver, world } = under;
  const go = async (state: DatabaseState, owner = one) => await reach(driver, world, owner, state);
  const planned = async (state: DatabaseState, owner = one) =>
    driver.plan(owner, driver.normalize(state), driver.of(owner, await driver.observe(world, signal)));
  const settings = (access: DatabaseAccess = 'Open', extensions: readonly string[] = []): DatabaseSettings => ({
    ...under.usual,
    extensions,
    access,
  });
  let versions = 0;
  /** A login whose Secret has this password from now on. */
  const login = (
    name: string,
    password: string,
    grants: Readonly<Record<string, DatabaseGrant>>,
    more: Partial<LoginSettings> = {},
  ): readonly [string, LoginSettings] => {
    under.setPassword(name, password);
    const resourceVersion = String((versions += 1));
    return [
      name,
      { password: { namespace: 'acme', name, resourceVersion }, grants, connections: 5, isLocked: false, ...more },
    ];
  };
  const state = (
    databases: Readonly<Record<string, DatabaseSettings>>,
    logins: readonly (readonly [string, LoginSettings])[] = [],
  ): DatabaseState => ({ databases: new Map(Object.entries(databases)), logins: new Map(logins) });
  const clear = async (): Promise<void> => {
    for (const owner of [one, other]) await go(driver.nothing, owner);
  };
  /** Logs in, works, and leaves. */
  const as = async <R>(
    [name, password, database]: readonly [string, string, string?],
    work: (session: DatabaseSession) => Promise<R>,
  ): Promise<R> => {
    const session = await under.login(name, password, database);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  };
  const does = async (who: readonly [string, string, string?], ...statements: readonly string[]) =>
    await as(who, async (session) => {
      let rows: readonly (readonly (string | null)[])[] = [];
      for (const statement of statements) rows = await session.query(statement);
      return rows;
    });

  await t.test('an applied plan leaves nothing to plan, and is told right without looking', async (each) => {
    const extensions = under.extension === undefined ? [] : [under.extension];
    const states = [
      state({ d_one: settings() }),
      state({ d_one: settings('Full', extensions) }, [login('u_one', 'first', { d_one: 'Owner' })]),
      state({ d_one: settings('Closed') }, [login('u_one', 'second', { d_one: 'ReadOnly' }, { isLocked: true })]),
      state({ d_one: settings(), d_two: settings() }, [
        login('u_one', 'third', { d_one: 'Owner', d_two: 'ReadWrite' }, { connections: 2 }),
        login('u_two', 'fourth', {}),
      ]),
      driver.nothing,
    ];
    for (const wanted of [...states, ...states.toReversed()]) {
      const snapshot = await driver.observe(world, signal);
      const actions = await go(wanted);
      each.strictSame(await planned(wanted), []);
      const advanced = driver.advance?.(snapshot, actions) ?? snapshot;
      each.strictSame(driver.plan(one, driver.normalize(wanted), driver.of(one, advanced)), []);
      for (const action of actions)
        each.ok(isEqual(JSON.parse(JSON.stringify(action)), action), 'an action survives JSON');
    }
    await clear();
  });

  await t.test(
    'each grant lets do what it says, on what is there and on what others of the database make later',
    async (each) => {
      const wanted = state({ d_one: settings() }, [
        login('u_owner', 'a', { d_one: 'Owner' }),
        login('u_second', 'b', { d_one: 'Owner' }),
        login('u_rows', 'c', { d_one: 'ReadWrite' }),
        login('u_eyes', 'd', { d_one: 'ReadOnly' }),
      ]);
      await go(wanted);
      const [owner, second, rows, eyes] = [
        ['u_owner', 'a', 'd_one'],
        ['u_second', 'b', 'd_one'],
        ['u_rows', 'c', 'd_one'],
        ['u_eyes', 'd', 'd_one'],
      ] as const;
      await does(owner, 'CREATE TABLE goods (name varchar(20), price integer)', "INSERT INTO goods VALUES ('tea', 3)");
      await does(second, 'ALTER TABLE goods ADD COLUMN stock integer', 'CREATE TABLE later (n integer)');
      await does(owner, 'INSERT INTO later VALUES (1)', 'DROP TABLE later', 'CREATE TABLE later (n integer)');
      await does(
        rows,
        "INSERT INTO goods VALUES ('salt', 1, 2)",
        'UPDATE goods SET price = 2',
        'DELETE FROM goods WHERE stock = 2',
      );
      await does(rows, 'INSERT INTO later VALUES (7)');
      each.same(await does(eyes, 'SELECT name, price FROM goods'), [['tea', '2']]);
      each.same(await does(eyes, 'SELECT n FROM later'), [['7']]);
      for (const statement of [
        'CREATE TABLE more (n integer)',
        'DROP TABLE goods',
        'ALTER TABLE goods ADD COLUMN x integer',
      ]) {
        await each.rejects(does(rows, statement), statement);
        await each.rejects(does(eyes, statement), statement);
      }
      for (const statement of [
        "INSERT INTO goods VALUES ('x', 1, 1)",
        'UPDATE goods SET price = 9',
        'DELETE FROM goods',
      ])
        await each.rejects(does(eyes, statement), statement);
      for (const who of [owner, rows, eyes]) {
        await each.rejects(does(who, 'CREATE DATABASE d_more'));
        await each.rejects(does(who, `CREATE USER u_more`));
      }
      await clear();
    },
  );

  await t.test('nobody gets at the data of another, or learns names that mean something', async (each) => {
    await go(state({ da_one: settings() }, [login('ua_one', 'a', { da_one: 'Owner' })]));
    // What a pattern would take for the first one.
    await go(state({ dabone: settings() }, [login('uabone', 'b', { dabone: 'Owner' })]), other);
    await does(['uabone', 'b', 'dabone'], 'CREATE TABLE private (n integer)', 'INSERT INTO private VALUES (42)');
    await each.rejects(does(['ua_one', 'a', 'dabone'], 'SELECT n FROM private'), 'another database');
    for (const peek of under.peeks) {
      const seen = JSON.stringify(await does(['ua_one', 'a', 'da_one'], peek).catch(() => []));
      each.notMatch(seen, /acme|zoo|private/, peek);
    }
    await each.rejects(under.login('ua_one', 'b', 'da_one'), 'another password');
    await clear();
  });

  await t.test('a closed database puts everybody out and lets nobody in; open again it is as it was', async (each) => {
    const logins = [login('u_one', 'a', { d_one: 'Owner' }), login('u_eyes', 'b', { d_one: 'ReadOnly' })];
    await go(state({ d_one: settings() }, logins));
    await does(['u_one', 'a', 'd_one'], 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (1)');
    const inside = await under.login('u_one', 'a', 'd_one');
    await go(state({ d_one: settings('Closed') }, logins));
    await each.rejects(inside.query('SELECT n FROM t'), 'who was in is out');
    await inside.close().catch(() => undefined);
    await each.rejects(does(['u_one', 'a', 'd_one'], 'SELECT n FROM t'));
    await each.rejects(does(['u_eyes', 'b', 'd_one'], 'SELECT n FROM t'));
    await go(state({ d_one: settings() }, logins));
    each.same(await does(['u_eyes', 'b', 'd_one'], 'SELECT n FROM t'), [['1']]);
    await does(['u_one', 'a', 'd_one'], 'INSERT INTO t VALUES (2)');
    await each.rejects(does(['u_eyes', 'b', 'd_one'], 'INSERT INTO t VALUES (3)'));
    await clear();
  });

  await t.test('a locked login puts its sessions out and lets nobody in, and others go on', async (each) => {
    const [first, second] = [login('u_one', 'a', { d_one: 'Owner' }), login('u_two', 'b', { d_one: 'Owner' })];
    await go(state({ d_one: settings() }, [first, second]));
    const [inside, going] = [await under.login('u_one', 'a', 'd_one'), await under.login('u_two', 'b', 'd_one')];
    await go(state({ d_one: settings() }, [[first[0], { ...first[1], isLocked: true }], second]));
    await each.rejects(inside.query('SELECT 1'));
    await inside.close().catch(() => undefined);
    await each.rejects(under.login('u_one', 'a', 'd_one'));
    each.same(await going.query('SELECT 1'), [['1']]);
    await going.close();
    await go(state({ d_one: settings() }, [first, second]));
    each.same(await does(['u_one', 'a', 'd_one'], 'SELECT 1'), [['1']]);
    await clear();
  });

  await t.test(
    'a full database refuses writes whatever its owner did before; reads and deletes go on',
    async (each) => {
      const logins = [login('u_one', 'a', { d_one: 'Owner' }), login('u_eyes', 'b', { d_one: 'ReadOnly' })];
      const who = ['u_one', 'a', 'd_one'] as const;
      for (const trick of under.tricks) {
        await go(state({ d_one: settings() }, logins));
        await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (1)', 'INSERT INTO t VALUES (2)');
        await does(who, ...trick.before);
        // The control: while there is room it works.
        await does(who, ...trick.tries);
        const [[count = ''] = []] = await does(who, 'SELECT count(*) FROM t');
        each.ok(Number(count) > 2, `${trick.name} writes while it may`);
        const inside = await under.login(...who);
        await go(state({ d_one: settings('Full') }, logins));
        for (const statement of trick.tries) await inside.query(statement).catch(() => undefined);
        await inside.close().catch(() => undefined);
        await does(who, ...trick.tries).catch(() => undefined);
        each.same(await does(who, 'SELECT count(*) FROM t'), [[count]], `${trick.name} writes nothing once it is full`);
        await does(who, 'DELETE FROM t WHERE n = 1');
        await go(state({ d_one: settings() }, logins));
        await does(who, 'INSERT INTO t VALUES (3)', 'ALTER TABLE t ADD COLUMN m integer');
        await each.rejects(does(['u_eyes', 'b', 'd_one'], 'DELETE FROM t'), 'who only looked is not raised by it');
        await clear();
      }
    },
  );

  await t.test('another password counts at once, and neither stands in a log', async (each) => {
    const words = ['a-word-of-the-first', `'"\\;-- $$ é of the second`];
    for (const word of words) {
      await go(state({ d_one: settings() }, [login('u_one', word, { d_one: 'Owner' })]));
      each.same(await does(['u_one', word, 'd_one'], 'SELECT 1'), [['1']]);
    }
    await each.rejects(under.login('u_one', String(words[0]), 'd_one'));
    const log = await under.log();
    each.not(log, '', 'the server logs statements');
    for (const word of words) each.notOk(log.includes(word.slice(0, 18)), 'not in a log');
    await clear();
  });

  await t.test('what somebody changes by hand is seen and put right', async (each) => {
    const extensions = under.extension === undefined ? [] : [under.extension];
    const wanted = state({ d_one: settings('Open', extensions) }, [login('u_one', 'a', { d_one: 'ReadWrite' })]);
    await go(wanted);
    for (const { name, statements } of under.drifts('d_one', 'u_one')) {
      const admin = await under.admin();
      for (const statement of statements) await admin.query(statement);
      await admin.close();
      each.not((await planned(wanted)).length, 0, `${name} is seen`);
      await go(wanted);
      each.strictSame(await planned(wanted), [], `${name} is put right`);
      each.same(await does(['u_one', 'a', 'd_one'], 'SELECT 1'), [['1']], name);
    }
    await clear();
  });

  await t.test('what others have on the server is left alone, and told where it is in the way', async (each) => {
    const admin = await under.admin();
    await admin.query('CREATE DATABASE d_theirs');
    const wanted = state({ d_theirs: settings() });
    const snapshot = await driver.observe(world, signal);
    each.match(driver.conflict?.(driver.normalize(wanted), snapshot), { reason: 'NameTaken' });
    await go(driver.nothing);
    await admin.query('DROP DATABASE d_theirs');
    await admin.close();
    await go(state({ d_one: settings() }), other);
    for (const action of await go(state({ d_two: settings() }))) each.match(action.subject, ownerId(one));
    each.strictSame(await planned(state({ d_one: settings() }), other), []);
    await clear();
  });

  await t.test('what the server will never take is refused in its own words', async (each) => {
    const hostile = { ...settings(), collation: "x' OR '1'='1" };
    await each.rejects(go(state({ d_one: hostile })), RefusedError);
    await clear();
  });

  await t.test('wherever the connection breaks, it ends where it would have without', async (each) => {
    const wanted = state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]);
    const changed = state({ d_one: settings('Full') }, [login('u_one', 'b', { d_one: 'ReadOnly' })]);
    let points = 0;
    for (const [from, to] of [
      [driver.nothing, wanted],
      [wanted, changed],
      [changed, wanted],
      [wanted, driver.nothing],
    ] as const) {
      for (let count = 0; ; count += 1) {
        await go(driver.nothing);
        await go(from);
        under.breakAfter(count);
        const broke = await go(to).then(
          () => false,
          () => true,
        );
        under.breakAfter(undefined);
        await go(to);
        each.strictSame(await planned(to), []);
        if (!broke) break;
        points += 1;
      }
    }
    each.ok(points > 8);
    each.comment(`${points} points`);
    await clear();
  });

  await t.test('a login finds its way into a database that was dropped and made again', async (each) => {
    const [database, user] = [state({ d_one: settings() }), state({}, [login('u_one', 'a', { d_one: 'Owner' })])];
    await go(database, other);
    await go(user);
    const snapshot = await driver.observe(world, signal);
    const advanced = driver.advance?.(snapshot, await go(driver.nothing, other)) ?? snapshot;
    await go(database, other);
    for (const action of driver.plan(one, driver.normalize(user), driver.of(one, advanced)))
      await driver.apply(action, world, signal);
    each.same(await does(['u_one', 'a', 'd_one'], 'CREATE TABLE t (n integer)', 'SELECT count(*) FROM t'), [['0']]);
    await clear();
  });

  await t.test('a server that was killed has everything when it is back', async (each) => {
    const wanted = state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]);
    await go(wanted);
    await does(['u_one', 'a', 'd_one'], 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (5)');
    await under.crash();
    each.strictSame(await planned(wanted), []);
    each.same(await does(['u_one', 'a', 'd_one'], 'SELECT n FROM t'), [['5']]);
    await clear();
  });

  await t.test('looking takes as many statements for many as for one, and writes nothing', async (each) => {
    const look = async () => {
      const before = await under.statements();
      await driver.observe(world, signal);
      const after = await under.statements();
      return { reads: after.reads - before.reads, writes: after.writes - before.writes };
    };
    await go(state({ d_0: settings() }, [login('u_0', 'a', { d_0: 'Owner' })]));
    const few = await look();
    const names = Array.from({ length: 12 }, (_, at) => String(at));
    await go(
      state(
        Object.fromEntries(names.map((name) => [`d_${name}`, settings()])),
        names.map((name) => login(`u_${name}`, 'a', { [`d_${name}`]: 'Owner' })),
      ),
    );
    each.same(await look(), few);
    each.equal(few.writes, 0);
    await clear();
  });
}
