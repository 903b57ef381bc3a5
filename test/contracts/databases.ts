import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { RefusedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { DatabasesDriver, DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type {
  DatabaseAccess,
  DatabaseAction,
  DatabaseGrant,
  DatabaseSettings,
  DatabaseState,
  LoginSettings,
  PasswordRef,
  SessionLimits,
} from '#runtime/drivers/databases/model.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { createPatrol } from '#runtime/drivers/databases/patrol.ts';
import { createDatabaseSizes } from '#runtime/drivers/databases/sizes.ts';
import { until } from '#test/lab/instance.ts';
import { reach } from './driver.ts';

/** Somebody who is logged in. */
export interface DatabaseSession {
  /** Rows, each a list of what is in its columns, as text. Rejects with the server's words. */
  query(statement: string): Promise<readonly (readonly (string | null)[])[]>;
  close(): Promise<void>;
}

/** A real server of the test's own, and what differs between engines. */
export interface DatabasesUnderTest<Name extends string> {
  readonly driver: DatabasesDriver<Name>;
  readonly world: DatabasesWorld;
  /** Encoding and collation that the engine has by default. */
  readonly usual: Pick<DatabaseSettings, 'encoding' | 'collation'>;
  /** One that Debian's server brings; `undefined` where the engine has none. */
  readonly extension: string | undefined;
  /** What Secrets hold, by key. */
  readonly passwords: Map<string, string>;
  /** How many a login may have at once. */
  readonly passwordsByLogin: 1 | 2;
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
  /** A statement that takes so many seconds, and what a session says so that its statements may take as long as they like. */
  readonly lasting: { readonly sleep: (seconds: number) => string; readonly lift: string };
  /** Statements that ask what there is of others: their rows must not hold a name of theirs that means something. */
  readonly peeks: readonly string[];
}

/** What a session may use where a test does not say. */
export const usualLimits: SessionLimits = { statementTimeoutMs: 600_000, temporaryBytes: 1 << 30 };

const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };
const other: Owner = { kind: 'Database', namespace: 'zoo', name: 'shop', uid: 'u2' };
/** What stands for data of `one` that is kept, in two lives of its name. */
const keeper: Owner = { kind: 'RetainedData', namespace: '', name: 'database.acme.shop.u1.web1', uid: 'u3' };
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
    const usual = { connections: 5, limits: usualLimits, isLocked: false };
    return [name, { password: aPassword(password), grants, ...usual, ...more }];
  };
  const aPassword = (password: string): PasswordRef => {
    const key = `p${String((versions += 1))}`;
    under.passwords.set(key, password);
    return { namespace: 'acme', name: 'shop', key };
  };
  const state = (
    databases: Readonly<Record<string, DatabaseSettings>>,
    logins: readonly (readonly [string, LoginSettings])[] = [],
  ): DatabaseState => ({ databases: new Map(Object.entries(databases)), logins: new Map(logins) });
  const clear = async (): Promise<void> => {
    for (const owner of [one, other, keeper]) await go(driver.nothing, owner);
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

  await t.test(
    'of one owner two logins are as one: what either makes is the other’s, also once it is gone',
    async (each) => {
      const [first, second] = [login('u_one', 'a', { d_one: 'Owner' }), login('u_one_2', 'b', { d_one: 'Owner' })];
      await go(state({ d_one: settings() }, [first]));
      await does(['u_one', 'a', 'd_one'], 'CREATE TABLE t (n integer)', 'CREATE TABLE stays (n integer)');
      await go(state({ d_one: settings() }, [first, second]));
      await does(['u_one', 'a', 'd_one'], 'INSERT INTO t VALUES (1)');
      await does(['u_one_2', 'b', 'd_one'], 'ALTER TABLE t ADD COLUMN m integer', 'CREATE TABLE later (n integer)');
      await does(['u_one', 'a', 'd_one'], 'DROP TABLE later');
      const inside = await under.login('u_one', 'a', 'd_one');
      await go(state({ d_one: settings() }, [second]));
      await each.rejects(inside.query('SELECT 1'), 'who was in is out');
      await inside.close().catch(() => undefined);
      await each.rejects(under.login('u_one', 'a', 'd_one'));
      const who = ['u_one_2', 'b', 'd_one'] as const;
      each.same(await does(who, 'DROP TABLE stays', 'ALTER TABLE t ADD COLUMN o integer', 'SELECT n FROM t'), [['1']]);
      await clear();
    },
  );

  await t.test(
    'a login lets in by two passwords where the engine can, and is refused a second one where it cannot',
    async (each) => {
      const both = (password: string, otherPassword: string): DatabaseState => {
        const more = { otherPassword: aPassword(otherPassword) };
        return state({ d_one: settings() }, [login('u_one', password, { d_one: 'Owner' }, more)]);
      };
      const letsIn = async (password: string): Promise<boolean> =>
        await does(['u_one', password, 'd_one'], 'SELECT 1').then(
          () => true,
          () => false,
        );
      await go(state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]));
      if (under.passwordsByLogin === 1) {
        await each.rejects(go(both('b', 'a')), RefusedError);
        each.ok(await letsIn('a'), 'and goes on by the one that it has');
      } else {
        for (const [password, other] of [
          ['a', 'b'],
          ['b', 'a'],
          ['c', 'b'],
        ] as const) {
          const wanted = both(password, other);
          await go(wanted);
          each.strictSame(await planned(wanted), []);
          for (const word of ['a', 'b', 'c', 'd', ''])
            each.equal(await letsIn(word), word === password || word === other, word);
        }
        const inside = await under.login('u_one', 'b', 'd_one');
        await go(state({ d_one: settings() }, [login('u_one', 'c', { d_one: 'Owner' })]));
        each.same(await inside.query('SELECT 1'), [['1']], 'who is in stays');
        await inside.close();
        each.same([await letsIn('c'), await letsIn('b')], [true, false]);
      }
      await clear();
    },
  );

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

  const keptFor = (owner: Owner): DatabaseState => ({ ...state({}), kept: new Map([['d_one', ownerId(owner)]]) });
  const heir = (): DatabaseState => ({ ...state({ d_one: settings() }), heirTo: 'RetainedData/database.acme.shop.' });
  const users = (): DatabaseState => state({}, [login('u_one', 'a', { d_one: 'Owner' })]);

  await t.test(
    'what is kept is closed, and who keeps it has it; the heir has it again with what it holds',
    async (each) => {
      const who = ['u_one', 'a', 'd_one'] as const;
      await go(heir());
      await go(users(), other);
      await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (4)');
      const inside = await under.login(...who);
      await go(keptFor(one));
      await each.rejects(inside.query('SELECT n FROM t'), 'who was in is out');
      await inside.close().catch(() => undefined);
      each.match(await planned(keptFor(keeper)), [{ op: 'keep-database' }], 'it is its own still');
      await go(keptFor(keeper));
      each.strictSame(await planned(driver.nothing), [], 'its former owner has nothing to drop');
      each.strictSame(await planned(keptFor(keeper), keeper), []);
      await each.rejects(does(who, 'SELECT n FROM t'));
      await each.rejects(go(state({ d_one: settings() })), /somebody else|not ours/, 'nobody else takes it');
      await go(heir());
      each.strictSame(await planned(driver.nothing, keeper), [], 'who kept it has nothing to drop');
      each.same(await does(who, 'SELECT n FROM t'), [['4']]);
      await go(keptFor(keeper));
      await go(driver.nothing, keeper);
      await go(heir());
      await each.rejects(does(who, 'SELECT n FROM t'), 'what was dropped is gone');
      await clear();
    },
  );

  await t.test('keeping makes nothing, and leaves what is another’s', async (each) => {
    each.strictSame(await planned(keptFor(keeper)), []);
    await go(state({ d_one: settings() }), other);
    const late = { driver: driver.name, op: 'keep-database', subject: '', reason: '', disruption: 'none', changes: [] };
    const input = { name: 'd_one', owner: ownerId(one), heir: ownerId(keeper) };
    await driver.apply({ ...late, input } as unknown as DatabaseAction<Name>, world, signal);
    each.strictSame(await planned(state({ d_one: settings() }), other), []);
    each.strictSame(await planned(driver.nothing, keeper), []);
    await clear();
  });

  await t.test('wherever keeping and taking back break, no row is lost', async (each) => {
    const who = ['u_one', 'a', 'd_one'] as const;
    let points = 0;
    await go(heir());
    await go(users(), other);
    await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (6)');
    for (const [from, to] of [
      [heir(), keptFor(keeper)],
      [keptFor(keeper), heir()],
    ] as const) {
      for (let count = 0; ; count += 1) {
        await go(from);
        under.breakAfter(count);
        const broke = await go(to).then(
          () => false,
          () => true,
        );
        under.breakAfter(undefined);
        await go(to);
        each.strictSame(await planned(to), []);
        await go(heir());
        each.same(await does(who, 'SELECT n FROM t'), [['6']]);
        if (!broke) break;
        points += 1;
      }
    }
    each.ok(points > 4);
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

  await t.test('what databases hold is measured, of all of them by one statement', async (each) => {
    const sizes = async () => new Map((await driver.measure(world, signal)).map(({ name, ...found }) => [name, found]));
    const sizeOf = async (name: string): Promise<number> => (await sizes()).get(name)?.bytes ?? Number.NaN;
    const logins = [login('u_one', 'a', { d_one: 'Owner' })];
    await go(state({ d_one: settings() }, logins));
    each.ok((await sizeOf('d_one')) < 1 << 20, 'an empty one holds next to nothing');
    // What no server makes smaller.
    const rows = Array.from({ length: 400 }, () => `('${randomBytes(15_000).toString('base64')}')`).join(', ');
    await does(['u_one', 'a', 'd_one'], 'CREATE TABLE t (s text)', `INSERT INTO t VALUES ${rows}`);
    const full = await sizeOf('d_one');
    each.ok(full > 8_000_000 && full < 20_000_000, `${full} bytes`);
    const admin = await under.admin();
    await admin.query('CREATE DATABASE d_theirs');
    const before = await under.statements();
    await go(state({ d_two: settings(), d_three: settings() }), other);
    const between = await under.statements();
    each.strictSame([...(await sizes()).keys()].toSorted(), ['d_one', 'd_three', 'd_two'], 'all that are ours');
    const after = await under.statements();
    each.same({ reads: after.reads - between.reads, writes: after.writes - between.writes }, { reads: 1, writes: 0 });
    each.ok(between.writes > before.writes, 'the control: statements are counted');
    each.equal((await sizes()).get('d_two')?.owner, ownerId(other));
    await go(state({ d_one: settings('Full') }, logins));
    await does(['u_one', 'a', 'd_one'], 'TRUNCATE TABLE t');
    each.ok((await sizeOf('d_one')) < 1 << 20, 'a full one is emptied by its owner');
    await admin.query('DROP DATABASE d_theirs');
    await admin.close();
    await clear();
  });

  await t.test('a statement takes no longer than its login may, whatever the session sets', async (each) => {
    const { sleep, lift } = under.lasting;
    const limits = { ...usualLimits, statementTimeoutMs: 500 };
    await go(
      state({ d_one: settings() }, [
        login('u_short', 'a', { d_one: 'Owner' }, { limits }),
        login('u_long', 'b', { d_one: 'Owner' }),
      ]),
    );
    await each.rejects(does(['u_short', 'a', 'd_one'], sleep(60)), 'the server ends it');
    const patient = await under.login('u_long', 'b', 'd_one');
    const going = patient.query(sleep(9));
    const sly = await under.login('u_short', 'a', 'd_one');
    await sly.query(lift);
    await sly.query(sleep(1));
    const ended = each.rejects(sly.query(sleep(60)), 'a session that lifted its limit is put out');
    const idle = await under.login('u_short', 'a', 'd_one');
    await until(async () => (await driver.endOverlong(world, signal)) === 1, 'the session to be found');
    await ended;
    await sly.close().catch(() => undefined);
    each.same(await idle.query('SELECT 1'), [['1']], 'who waits goes on');
    await idle.close();
    await going;
    await patient.close();
    each.equal(await driver.endOverlong(world, signal), 0);
    await go(state({ d_one: settings() }, [login('u_short', 'a', { d_one: 'Owner' })]));
    await does(['u_short', 'a', 'd_one'], sleep(1));
    await clear();
  });

  await t.test('who has grown, or was changed by hand, is told at the next look; nobody else is', async (each) => {
    let told: readonly string[] = [];
    let goOn: (() => void) | undefined;
    const sleep: Clock['sleep'] = async (_ms, over) =>
      await new Promise((resolve) => {
        goOn = resolve;
        over?.addEventListener('abort', () => resolve());
      });
    const rounds = new AbortController();
    const patrol = createPatrol({ sizes: createDatabaseSizes(), everyMs: 1, clock: { ...systemClock, sleep } });
    const watched = { ...world, patrol };
    const watching = driver.watchDrift?.(watched, (owners) => void (told = owners ?? ['all']), rounds.signal);
    const look = async (): Promise<readonly string[]> => {
      const next = await until(() => goOn, 'the end of a look');
      [goOn, told] = [undefined, []];
      next();
      await until(() => goOn, 'the end of a look');
      return told;
    };
    await until(() => goOn, 'the first look');
    each.same(told, ['all'], 'nobody knows what was before');
    const wanted = state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]);
    await reach(driver, watched, one, wanted);
    await reach(driver, watched, other, state({ d_two: settings() }));
    each.same((await look()).toSorted(), [ownerId(one), ownerId(other)], 'what is new');
    each.same(await look(), []);
    await does(['u_one', 'a', 'd_one'], 'CREATE TABLE t (s text)', `INSERT INTO t VALUES (repeat('x', 1000))`);
    for (let round = 0; round < 10; round += 1) await does(['u_one', 'a', 'd_one'], 'INSERT INTO t SELECT s FROM t');
    each.same(await look(), [ownerId(one)], 'what has grown');
    // The last of them takes the database away.
    const drift = under.drifts('d_two', 'u_one').at(-1)?.statements ?? [];
    const admin = await under.admin();
    const change = async (): Promise<void> => {
      for (const statement of drift) await admin.query(statement);
    };
    await change();
    each.same(await look(), [ownerId(other)], 'what was changed by hand');
    await reach(driver, watched, other, state({ d_two: settings() }));
    await change();
    each.same(await look(), [ownerId(other)], 'and again after it was put right');
    await admin.close();
    rounds.abort();
    await watching;
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
