import type { Test } from 'tap';
import { RefusedError } from '#runtime/base/errors.ts';
import type { DatabaseState } from '#runtime/drivers/databases/model.ts';
import { one, other, signal, type DatabasesGround } from './ground.ts';

/** Passwords, and several logins of one owner. */
export async function loginsLaws<Name extends string>(t: Test, ground: DatabasesGround<Name>): Promise<void> {
  const { under, driver, world, go, planned, settings, login, aPassword, state, clear, does } = ground;

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
}
