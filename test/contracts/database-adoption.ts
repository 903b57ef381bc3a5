import type { Test } from 'tap';
import { RefusedError } from '#runtime/base/errors.ts';
import type { DatabaseState } from '#runtime/drivers/databases/model.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { usualLimits, type DatabasesUnderTest } from './databases.ts';
import { reach } from './driver.ts';

/** A database of somebody else, and what is said to it that differs between engines. */
export interface AdoptionUnderTest<Name extends string> extends DatabasesUnderTest<Name> {
  /** Makes database `legacy`, in it table `goods` with a row, and whoever used it, `old` by the password `old`. */
  readonly make: readonly string[];
  readonly fill: readonly string[];
  readonly drop: readonly string[];
  /** What keeps it from being adopted, how it is made in there, and how it goes. */
  readonly obstacles: readonly {
    readonly name: string;
    readonly make: readonly string[];
    readonly drop: readonly string[];
  }[];
  /** Takes from whoever used it what has to be taken before. */
  readonly release: readonly string[];
}

const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };
const other: Owner = { kind: 'Database', namespace: 'zoo', name: 'shop', uid: 'u2' };
const signal = new AbortController().signal;

/** The laws of taking over what others made. */
export async function adoptionContract<Name extends string>(t: Test, under: AdoptionUnderTest<Name>): Promise<void> {
  const { driver, world } = under;
  const told = async (database: string | undefined, statements: readonly string[]): Promise<void> => {
    const admin = await under.admin(database);
    for (const statement of statements) await admin.query(statement);
    await admin.close();
  };
  const settings = { ...under.usual, extensions: [], access: 'Open' } as const;
  const state: DatabaseState = { databases: new Map([['legacy', settings]]), logins: new Map() };
  const adopting: DatabaseState = { ...state, adopts: true };
  const login = (grant: 'Owner' | 'ReadOnly'): DatabaseState => {
    under.passwords.set('k', 'a');
    const password = { namespace: 'acme', name: 'shop', key: 'k' };
    const common = { connections: 5, limits: usualLimits, isLocked: false };
    return { databases: new Map(), logins: new Map([['u_one', { password, grants: { legacy: grant }, ...common }]]) };
  };
  const user: Owner = { ...one, kind: 'DatabaseUser' };
  const missing: unknown = await reach(driver, world, one, adopting).catch((cause: unknown) => cause);
  t.match(missing, { reason: 'NothingToAdopt', retry: 'backoff' }, 'somebody may make it yet');
  await told(undefined, under.make);
  await told('legacy', under.fill);

  await t.test('nobody has a database of others for its name', async (each) => {
    const snapshot = await driver.observe(world, signal);
    each.match(driver.conflict?.(state, snapshot), { reason: 'NameTaken' });
    await each.rejects(reach(driver, world, one, state), RefusedError);
    await reach(driver, world, one, driver.nothing);
    await (await under.login('old', 'old', 'legacy')).close();
  });

  await t.test('one that reaches beyond itself is left as it is, and not ours', async (each) => {
    for (const { name, make, drop } of under.obstacles) {
      await told('legacy', make);
      const err: unknown = await reach(driver, world, one, adopting).catch((cause: unknown) => cause);
      each.match(err, { reason: 'AdoptUnfit', retry: 'backoff' }, name);
      each.strictSame(
        driver.plan(one, driver.nothing, driver.of(one, await driver.observe(world, signal))),
        [],
        'nothing to drop',
      );
      await (await under.login('old', 'old', 'legacy')).close();
      await told('legacy', drop);
    }
  });

  await t.test('one that is adopted has what it had, is its owners’, and nobody else’s', async (each) => {
    await told('legacy', under.release);
    await reach(driver, world, one, adopting);
    each.strictSame(driver.plan(one, adopting, driver.of(one, await driver.observe(world, signal))), []);
    await each.rejects(under.login('old', 'old', 'legacy'), 'who used it before');
    await reach(driver, world, user, login('ReadOnly'));
    const reader = await under.login('u_one', 'a', 'legacy');
    each.same(await reader.query('SELECT name FROM goods'), [['tea']]);
    await each.rejects(reader.query("INSERT INTO goods VALUES ('salt')"));
    await reader.close();
    await reach(driver, world, user, login('Owner'));
    const owner = await under.login('u_one', 'a', 'legacy');
    for (const statement of [
      "INSERT INTO goods VALUES ('salt')",
      'ALTER TABLE goods ADD COLUMN price integer',
      'DROP TABLE goods',
    ])
      await owner.query(statement);
    await owner.close();
    await each.rejects(reach(driver, world, other, adopting), /somebody else|not ours/, 'another one has come first');
    for (const owned of [user, one]) await reach(driver, world, owned, driver.nothing);
    each.notOk((await driver.observe(world, signal)).databases.found.has('legacy'), ownerId(one));
    await told(undefined, under.drop);
  });
}
