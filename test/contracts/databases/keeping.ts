import type { Test } from 'tap';
import type { DatabaseAction, DatabaseState } from '#runtime/drivers/databases/model.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { one, other, keeper, signal, type DatabasesGround } from './ground.ts';

/** What is kept when its object goes, and given back. */
export async function keepingLaws<Name extends string>(t: Test, ground: DatabasesGround<Name>): Promise<void> {
  const { under, driver, world, go, planned, settings, login, state, clear, does, atEachBreak } = ground;

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

  await t.test('without its object nothing lets anybody in, no row is lost, and it is found no more', async (each) => {
    const who = ['u_one', 'a', 'd_one'] as const;
    const users = () => state({}, [login('u_one', 'a', { d_one: 'Owner' })]);
    const served = async () => [...(driver.owners?.(await driver.observe(world, signal)) ?? [])].toSorted();
    const abandon = async (owner: Owner): Promise<void> => {
      const found = driver.of(owner, await driver.observe(world, signal));
      await go(driver.orphaned?.(owner, found) ?? driver.nothing, owner);
    };
    await go(heir());
    await go(users(), other);
    await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (7)');
    const inside = await under.login(...who);
    each.same(await served(), [one, other].map(ownerId));
    await abandon(one);
    await each.rejects(inside.query('SELECT n FROM t'), 'who was in is out');
    await inside.close().catch(() => undefined);
    await each.rejects(does(who, 'SELECT n FROM t'));
    each.same(await served(), [ownerId(other)], 'a login is served by itself');
    await abandon(other);
    await each.rejects(under.login('u_one', 'a'), 'the login is gone');
    each.same(await served(), []);
    await go(heir());
    await go(users(), other);
    each.same(await does(who, 'SELECT n FROM t'), [['7']], 'declared again it has what it had');
    await clear();
  });

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
      points += await atEachBreak(async (broken) => {
        await go(from);
        await broken(async () => await go(to));
        await go(to);
        each.strictSame(await planned(to), []);
        await go(heir());
        each.same(await does(who, 'SELECT n FROM t'), [['6']]);
      });
    }
    each.ok(points > 4);
    each.comment(`${points} points`);
    await clear();
  });
}
