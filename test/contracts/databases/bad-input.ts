import type { Test } from 'tap';
import { HostError, RefusedError, required } from '#runtime/base/errors.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { other, signal, type DatabasesGround } from './ground.ts';

/** What is hostile, or cannot be had, and servers that do not answer. */
export async function badInputLaws<Name extends string>(t: Test, ground: DatabasesGround<Name>): Promise<void> {
  const { under, driver, world, go, planned, settings, login, state, does, clear } = ground;

  /** Of somebody who has done nothing wrong. */
  const bystander = state({ d_other: settings() }, [login('u_other', 'o', { d_other: 'Owner' })]);
  const isUnharmed = async (each: Test, why: string): Promise<void> => {
    each.strictSame(await planned(bystander, other), [], why);
    each.same(await does(['u_other', 'o', 'd_other'], 'SELECT n FROM t'), [['5']], why);
  };
  const letBystanderIn = async (): Promise<void> => {
    await go(bystander, other);
    await does(['u_other', 'o', 'd_other'], 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (5)');
  };

  await t.test('what the server will never take is refused in its own words', async (each) => {
    await letBystanderIn();
    const texts = ["x' OR '1'='1", 'x"; DROP DATABASE d_other; --', 'x` /*', 'C; SELECT 1', '%s', 'nonesuch', 'é'];
    const wrong = [
      ...texts.map((collation) => ({ ...settings(), collation })),
      ...texts.map((encoding) => ({ ...settings(), encoding })),
      ...(under.extension === undefined ? [] : texts).map((extension) => settings('Open', [extension])),
    ];
    for (const hostile of wrong) {
      await each.rejects(go(state({ d_one: hostile })), RefusedError, JSON.stringify(hostile));
      await go(driver.nothing);
    }
    await isUnharmed(each, 'the other one');
    await clear();
  });

  await t.test('whoever something is for, that is data and no statement', async (each) => {
    await letBystanderIn();
    const logins = [login('u_one', 'a', { d_one: 'Owner' })];
    for (const text of [
      "'; DROP DATABASE d_other; --",
      '"`$$/*',
      String.raw`\'\0`,
      '*/ # %_',
      'é\n-- x',
      '{"owner":"x"}',
    ]) {
      const owner: Owner = { kind: 'Database', namespace: text, name: text, uid: text };
      const wanted = state({ d_one: settings() }, logins);
      await go(wanted, owner);
      each.strictSame(await planned(wanted, owner), [], text);
      each.same(await does(['u_one', 'a', 'd_one'], 'SELECT 1'), [['1']], text);
      await go(driver.nothing, owner);
      each.strictSame(await planned(driver.nothing, owner), [], text);
    }
    await isUnharmed(each, 'the other one');
    await clear();
  });

  await t.test('what the server has by itself is nobody’s to have', async (each) => {
    await letBystanderIn();
    const { databases, logins } = under.own;
    for (const wanted of [
      ...databases.map((name) => state({ [name]: settings() })),
      ...logins.map((name) => state({ d_one: settings() }, [login(name, 'a', { d_one: 'Owner' })])),
    ]) {
      const name = [...wanted.databases.keys(), ...wanted.logins.keys()].join();
      const snapshot = await driver.observe(world, signal);
      each.match(driver.conflict?.(driver.normalize(wanted), snapshot), { reason: 'NameTaken' }, name);
      await each.rejects(go(wanted), name);
      await go(driver.nothing);
    }
    await isUnharmed(each, 'the other one');
    await clear();
  });

  await t.test(
    'while the server does not answer nothing is taken for done, and all is made in the end',
    async (each) => {
      await letBystanderIn();
      const wanted = state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]);
      const action = required((await planned(wanted))[0], 'an action');
      await under.crash(async () => {
        await each.rejects(driver.apply(action, world, signal), HostError);
        await each.rejects(driver.observe(world, signal), HostError);
      });
      each.not((await planned(wanted)).length, 0);
      await go(wanted);
      each.strictSame(await planned(wanted), []);
      await isUnharmed(each, 'the other one');
      await clear();
    },
  );

  await t.test('whenever the server is killed while something is made, it is made in the end', async (each) => {
    await letBystanderIn();
    const wanted = state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]);
    let points = 0;
    // A new start takes its time: not after each statement.
    for (let [isBroken, statements] = [true, 0]; isBroken; points += 1, statements += 3) {
      await go(driver.nothing);
      under.breakAfter(statements);
      isBroken = await go(wanted).then(
        () => false,
        () => true,
      );
      under.breakAfter(undefined);
      await under.crash();
      await go(wanted);
      each.strictSame(await planned(wanted), [], `after ${statements} statements`);
      each.same(await does(['u_one', 'a', 'd_one'], 'SELECT 1'), [['1']]);
    }
    each.comment(`${points} points`);
    each.ok(points > 4);
    await isUnharmed(each, 'the other one');
    await clear();
  });
}
