import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { ownerId } from '#runtime/drivers/driver.ts';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { createPatrol } from '#runtime/drivers/databases/patrol.ts';
import { createDatabaseSizes } from '#runtime/drivers/databases/sizes.ts';
import { until } from '#test/lab/instance.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { reach } from '#test/contracts/driver.ts';
import { usualLimits, one, other, signal, type DatabasesGround } from './ground.ts';

/** What is found by looking, and what that costs. */
export async function lookingLaws<Name extends string>(t: Test, ground: DatabasesGround<Name>): Promise<void> {
  const { under, driver, world, go, settings, login, state, clear, does } = ground;

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

  await t.test('whoever waits while a server stands still gives up when told to', async (each) => {
    const entered = Promise.withResolvers<undefined>();
    const enter = async (asking: AbortSignal): Promise<never> => {
      entered.resolve(undefined);
      await systemClock.sleep(3_600_000, asking);
      throw new Error('it moved');
    };
    const still = { ...world, host: { ...world.host, enter } };
    const over = new AbortController();
    const first = driver.observe(still, over.signal).catch(() => undefined);
    await entered.promise;
    const second = driver.observe(still, AbortSignal.timeout(200)).catch((err: unknown) => err);
    const late = systemClock.sleep(patienceMs, over.signal).then(
      () => 'it waits',
      () => undefined,
    );
    each.match(await Promise.race([second, late]), { name: 'TimeoutError' });
    over.abort();
    await first;
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
