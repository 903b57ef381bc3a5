import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type { DatabaseAction, DatabaseState } from '#runtime/drivers/databases/model.ts';
import { dumpFileOf, machineOf, type ServerHolder, type ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { lookAtMariadb } from '#runtime/drivers/mariadb/index.ts';
import { lookAtPostgresql } from '#runtime/drivers/postgresql/index.ts';
import { until } from '#test/lab/instance.ts';
import { labTenant } from '#test/lab/intake.ts';
import { administrator, elsewhereHost, somewhereElse, type Declared } from '#test/lab/server-elsewhere.ts';
import { relaysContract } from './database-relays.ts';
import { usualLimits, type DatabasesUnderTest } from './databases.ts';
import { databasesGround, keeper } from './databases/ground.ts';
import { reach } from './driver.ts';

/** A server elsewhere, and how things are said to it that differ between engines. */
export interface ElsewhereUnderTest<Name extends string> extends DatabasesUnderTest<Name> {
  readonly declared: Declared;
  /** Versions around the server's own: older, the same, newer. */
  readonly versions: { readonly older: string; readonly same: string; readonly newer: string };
  /** Things of somebody else, `theirs`: how they are made, what they are like, and how they go. */
  readonly theirs: { readonly make: readonly string[]; readonly facts: string; readonly drop: readonly string[] };
  /** Databases that no login of ours gets into. */
  readonly closed: readonly string[];
  /** Lets everybody into the first of these, as a server has it that nobody has looked after. */
  readonly open: readonly string[];
  /** Somebody with the name and password `clerk` who is no administrator. */
  readonly clerk: { readonly make: readonly string[]; readonly drop: readonly string[] };
}

const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };
const other: Owner = { kind: 'Database', namespace: 'zoo', name: 'shop', uid: 'u2' };
const signal = new AbortController().signal;
/** Longer than a connection stands that nobody uses. */
const unusedMs = 2_500;

/** The laws of servers that others have, too. */
export async function elsewhereContract<Name extends string>(t: Test, under: ElsewhereUnderTest<Name>): Promise<void> {
  const { driver, world } = under;
  const told = async (statements: readonly string[]): Promise<void> => {
    const admin = await under.admin();
    for (const statement of statements) await admin.query(statement);
    await admin.close();
  };
  const wanted = (name: string): DatabaseState => {
    under.passwords.set('k', 'a');
    const password = { namespace: 'acme', name: 'shop', key: 'k' };
    const login = { password, grants: { [`d_${name}`]: 'Owner' }, connections: 5, limits: usualLimits } as const;
    const origins = under.origins === undefined ? {} : { origins: under.origins };
    return {
      databases: new Map([[`d_${name}`, { ...under.usual, extensions: [], access: 'Open' as const }]]),
      logins: new Map([[`u_${name}`, { ...login, ...origins, isLocked: false }]]),
    };
  };
  const look = async (change: Partial<Declared>, user: Readonly<Record<string, string>> = administrator) => {
    const host = elsewhereHost(under.host, { ...under.declared, ...change }, user);
    return await driver.observe({ ...world, host }, signal);
  };

  await t.test('two hosts work on one server, and leave alone what is of others', async (each) => {
    await told(under.theirs.make);
    const admin = await under.admin();
    const before = await admin.query(under.theirs.facts);
    const second = { ...world, host: elsewhereHost(under.host, under.declared) };
    await Promise.all([reach(driver, world, one, wanted('one')), reach(driver, second, other, wanted('two'))]);
    for (const [owner, name] of [
      [one, 'one'],
      [other, 'two'],
    ] as const) {
      const snapshot = await driver.observe(second, signal);
      each.strictSame(driver.plan(owner, wanted(name), driver.of(owner, snapshot)), []);
    }
    for (const database of under.closed) await each.rejects(under.login('u_one', 'a', database), database);
    const session = await under.login('u_one', 'a', 'd_one');
    each.same(await session.query('SELECT 1'), [['1']], 'the control');
    await session.close();
    for (const owner of [one, other]) await reach(driver, world, owner, driver.nothing);
    each.same(await admin.query(under.theirs.facts), before);
    await admin.close();
    await told(under.theirs.drop);
  });

  await t.test('what lets everybody in is closed when a host takes the server up', async (each) => {
    await reach(driver, world, one, wanted('one'));
    await told(under.open);
    for (const database of under.open.length === 0 ? [] : under.closed.slice(0, 1)) {
      await (await under.login('u_one', 'a', database)).close();
      await look({});
      await each.rejects(under.login('u_one', 'a', database));
    }
    await reach(driver, world, one, driver.nothing);
  });

  await t.test('programs come to it by a socket, and to no other server than is meant', async (each) => {
    await reach(driver, world, one, wanted('one'));
    const dumped = async (change: Partial<Declared>): Promise<string> => {
      // The driver itself comes to the one that is meant.
      const { way } = elsewhereHost(under.host, { ...under.declared, ...change });
      const host = { ...elsewhereHost(under.host, under.declared), way };
      return await text(Readable.from(driver.dump('d_one', { host }, signal)));
    };
    each.match(await dumped({}), /dump complete/i, 'the control');
    const { authorities } = await somewhereElse();
    await each.rejects(dumped({ authorities }), /DatabaseServer main: .*certificate/, 'one of another authority');
    await each.rejects(dumped({ name: 'another.internal' }), /DatabaseServer main: .*altnames/, 'one for another name');
    await each.rejects(dumped({ port: 1 }), /DatabaseServer main: nobody answers/);
    const way = await elsewhereHost(under.host, under.declared).way(labTenant.uid, signal);
    each.match(await under.host.facts(way.socketDirectory, signal), { mode: 0o750, uid: 0, gid: labTenant.uid });
    await reach(driver, world, one, driver.nothing);
  });

  await relaysContract(t, under.host, under.declared);

  await t.test('it is asked for nothing unless it is the one, and does', async (each) => {
    const refuses = async (reason: string, looking: Promise<unknown>): Promise<void> => {
      each.match(await looking.catch((cause: unknown) => cause), { reason });
    };
    const { older, same, newer } = under.versions;
    await look({ versions: { min: same, max: same } });
    const { authorities } = await somewhereElse();
    await each.rejects(look({ authorities }), /certificate/, 'one of another authority');
    await each.rejects(look({ name: 'another.internal' }), /altnames/, 'one for another name');
    await each.rejects(look({ name: '192.0.2.7' }), /altnames/, 'one for another address');
    await each.resolves(look({ name: under.declared.address }), 'the control');
    await refuses('ServerUnreachable', look({ port: 1 }));
    await refuses('VersionUnfit', look({ versions: { min: newer } }));
    await refuses('VersionUnfit', look({ versions: { max: older } }));
    await refuses('SecretNotFound', look({}, { username: 'boss' }));
    await each.rejects(look({}, { ...administrator, password: 'another' }), /authentication failed|Access denied/);
    await told(under.clerk.make);
    await refuses('ServerUnfit', look({}, { username: 'clerk', password: 'clerk' }));
    await told(under.clerk.drop);
  });

  await holderLaw(t, under, wanted);
  await leftCopyLaw(t, under);
}

function reasonOf(err: unknown): unknown {
  return (err as { readonly reason?: unknown }).reason ?? err;
}

/** Who is noted on a server has it, whenever that came to be. */
async function holderLaw<Name extends string>(
  t: Test,
  under: ElsewhereUnderTest<Name>,
  wanted: (name: string) => DatabaseState,
): Promise<void> {
  const { driver } = under;
  const lookAt = { PostgreSQL: lookAtPostgresql, MariaDB: lookAtMariadb }[under.declared.engine];
  const ours: ServerHolder = { installation: 'ours', server: 'main' };
  const hostOf = ({ installation, server }: ServerHolder): ServerHost => ({
    ...elsewhereHost(under.host, under.declared),
    server,
    installation: () => Promise.resolve(installation),
  });
  const worldOf = (holder: ServerHolder): DatabasesWorld => ({ ...under.world, host: hostOf(holder) });
  const give = async (holder: ServerHolder): Promise<void> =>
    await lookAt(hostOf(holder), signal, () => ({ ...holder }));
  const errorOf = async (work: Promise<unknown>): Promise<unknown> => await work.catch((cause: unknown) => cause);

  await t.test('who is not noted on a server looks at nothing there, and changes nothing', async (each) => {
    const world = worldOf(ours);
    await reach(driver, world, one, wanted('one'));
    const drop = { driver: driver.name, op: 'drop-database', subject: '', reason: '', disruption: 'none', changes: [] };
    const action = { ...drop, input: { name: 'd_one', owner: ownerId(one) } } as unknown as DatabaseAction<Name>;
    for (const holder of [
      { installation: 'theirs', server: 'main' },
      { installation: 'ours', server: 'other' },
    ]) {
      // Both looked before either was noted.
      const late = worldOf(holder);
      for (const work of [driver.observe(late, signal), driver.apply(action, late, signal)])
        each.match(await errorOf(work), { reason: 'ServerUnfit', message: /ours, as main/ });
      // A name that led to one of ours may lead to one of theirs.
      await give(holder);
      await until(async () => {
        // A connection that is used goes on leading where it led.
        await delay(unusedMs);
        const err = await errorOf(driver.observe(world, signal));
        return err instanceof Error && err.message.includes(`${holder.installation}, as ${holder.server}`);
      }, 'a look at who is noted');
      each.match(await errorOf(driver.apply(action, world, signal)), { reason: 'ServerUnfit' });
      const knowing = { ...under.world, host: { ...hostOf(ours), isGone: () => true } };
      const refusal = await driver.observe(knowing, signal).then(() => undefined, reasonOf);
      each.equal(
        refusal,
        holder.installation === 'ours' ? undefined : 'ServerUnfit',
        'what is declared no more counts no more',
      );
      await give(ours);
      each.strictSame(driver.plan(one, wanted('one'), driver.of(one, await driver.observe(world, signal))), []);
    }
    await (await under.login('u_one', 'a', 'd_one')).close();
    await reach(driver, world, one, driver.nothing);
  });
}

/** What makes a file of a database has a copy beside it, on a server that outlives the machine. */
async function leftCopyLaw<Name extends string>(t: Test, under: ElsewhereUnderTest<Name>): Promise<void> {
  // Its programs come by a socket of this law's own, whoever listened there before.
  const host = elsewhereHost(under.host, under.declared);
  const ground = databasesGround({ ...under, world: { ...under.world, host } });
  const { driver, world, go, state, settings, forgetJobs, clear } = ground;
  const left = async (): Promise<string> => {
    const admin = await under.admin();
    const { databases, logins } = named[under.declared.engine];
    const rows = [...(await admin.query(databases)), ...(await admin.query(logins))];
    await admin.close();
    return rows.flat().join(' ');
  };

  await t.test('a copy that a machine left which is gone goes with what it is one of', async (each) => {
    const kept = { ...state({}), kept: new Map([['d_one', ownerId(keeper)]]) };
    await go(state({ d_one: settings() }));
    await go(kept);
    const isFilling = Promise.withResolvers<undefined>();
    const machine = machineOf(world.host);
    const openFile: typeof machine.openFile = async (_path, over) => {
      isFilling.resolve(undefined);
      return await new Promise((_, reject) => over.addEventListener('abort', () => reject(new Error('it is gone'))));
    };
    const dying = { ...world, host: { ...world.host, machine: { ...machine, openFile } } };
    await reach(driver, dying, keeper, { ...kept, dumped: new Set(['d_one']) });
    await isFilling.promise;
    await forgetJobs();
    each.match(await left(), /d_one.copy.*d_one.filler/);
    await under.host.removeFile(dumpFileOf(driver.name, world.host, 'd_one'), signal);
    await go(driver.nothing, keeper);
    each.notMatch(await left(), /d_one/);
    await clear();
  });
}

const named = {
  PostgreSQL: { databases: 'SELECT datname FROM pg_database', logins: 'SELECT rolname FROM pg_roles' },
  MariaDB: { databases: 'SHOW DATABASES', logins: 'SELECT User FROM mysql.global_priv' },
} as const;
