import type { Test } from 'tap';
import { other, type DatabasesGround } from './ground.ts';

/** Who may what, and when nobody may. */
export async function rightsLaws<Name extends string>(t: Test, ground: DatabasesGround<Name>): Promise<void> {
  const { under, go, settings, login, state, clear, does } = ground;

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
}
