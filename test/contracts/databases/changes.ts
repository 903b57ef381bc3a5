import type { Test } from 'tap';
import { isEqual } from '#runtime/base/json.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import { one, other, signal, type DatabasesGround } from './ground.ts';

/** Plans, what others change, and breaks. */
export async function changesLaws<Name extends string>(t: Test, ground: DatabasesGround<Name>): Promise<void> {
  const { under, driver, world, go, planned, settings, login, state, clear, does, atEachBreak } = ground;

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
      points += await atEachBreak(async (broken) => {
        await go(driver.nothing);
        await go(from);
        await broken(async () => await go(to));
        await go(to);
        each.strictSame(await planned(to), []);
      });
    }
    each.ok(points > 8);
    each.comment(`${points} points`);
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
}
