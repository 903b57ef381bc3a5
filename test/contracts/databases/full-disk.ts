import type { Test } from 'tap';
import { HostError } from '#runtime/base/errors.ts';
import type { DatabaseSettings, DatabaseState } from '#runtime/drivers/databases/model.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { reach } from '#test/contracts/driver.ts';
import type { SmallDisk } from '#test/lab/small-disk.ts';
import { one, other, signal, usualLimits, type DatabasesUnderTest } from './ground.ts';

/** What a disk without room means for databases on it; nothing else is on that server. `large` is a statement that makes a table of 2 MB. */
export async function fullDiskLaw<Name extends string>(
  t: Test,
  under: Pick<DatabasesUnderTest<Name>, 'driver' | 'world' | 'usual' | 'passwords' | 'login' | 'crash'>,
  { disk, large }: { readonly disk: SmallDisk; readonly large: string },
): Promise<void> {
  const { driver, world } = under;
  const settings: DatabaseSettings = { ...under.usual, extensions: [], access: 'Open' };
  const stateOf = (key: string): DatabaseState => {
    under.passwords.set(key, key);
    const password = { namespace: 'acme', name: 'shop', key };
    const usual = { connections: 5, limits: usualLimits, isLocked: false };
    return {
      databases: new Map([[`d_${key}`, settings]]),
      logins: new Map([[`u_${key}`, { password, grants: { [`d_${key}`]: 'Owner' }, ...usual }]]),
    };
  };
  const planned = async (owner: Owner, state: DatabaseState) =>
    driver.plan(owner, state, driver.of(owner, await driver.observe(world, signal)));
  const ask = async (...statements: readonly string[]) => {
    const session = await under.login('u_other', 'other', 'd_other');
    try {
      let rows: readonly (readonly (string | null)[])[] = [];
      for (const statement of statements) rows = await session.query(statement);
      return rows;
    } finally {
      await session.close();
    }
  };
  await reach(driver, world, other, stateOf('other'));
  await ask('CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (5)');
  disk.fill();
  await t.rejects(ask(large), 'nobody writes');
  // MariaDB makes a small one all the same.
  const failure: unknown = await reach(driver, world, one, stateOf('one')).then(
    () => undefined,
    (err: unknown) => err,
  );
  t.ok(failure === undefined || failure instanceof HostError, 'it is tried again');
  t.comment(failure instanceof HostError ? failure.message : 'it is there');
  disk.relieve();
  // The server may have died of it.
  await under.crash();
  t.same(await ask('SELECT n FROM t'), [['5']], 'what others have is there');
  t.strictSame(await planned(other, stateOf('other')), []);
  await reach(driver, world, one, stateOf('one'));
  t.strictSame(await planned(one, stateOf('one')), []);
  await ask(large);
  await (await under.login('u_one', 'one', 'd_one')).close();
}
