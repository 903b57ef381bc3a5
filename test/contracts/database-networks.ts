import type { Test } from 'tap';
import type { LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { LabAddresses } from '#test/lab/addresses.ts';
import { databasesGround, other, type DatabaseSession, type DatabasesUnderTest } from './databases/ground.ts';

/** A server that is a host's own and listens on the network, too. */
export interface NetworksUnderTest<Name extends string> extends DatabasesUnderTest<Name> {
  readonly addresses: LabAddresses;
  /** Who administers it. */
  readonly administrator: string;
  /** Logs in over the network from an address. Rejects when it is refused. */
  enter(from: string, who: Who, options?: { readonly isPlain: boolean }): Promise<DatabaseSession>;
  /** What an administrator may do by hand so that a login is not let in from a network any more. */
  putOut(login: string, network: string): Promise<readonly string[]>;
  /** What a tenant may try, as an owner, so that `u_two` or `u_one` is let in from elsewhere; by an administrator the first of these does it. */
  readonly break: (login: string, network: string) => Promise<readonly string[]>;
}

type Who = readonly [name: string, password: string, database: string];

/** From where logins come. */
export async function networksContract<Name extends string>(t: Test, under: NetworksUnderTest<Name>): Promise<void> {
  const { go, planned, settings, login, state, clear, does, atEachBreak } = databasesGround(under);
  const { inside, outside, server } = under.addresses;
  const networks = [inside.v4.network, inside.v6.network];
  const who = ['u_one', 'a', 'd_one'] as const;
  const at = (names: readonly string[], password = 'a', more: Partial<LoginSettings> = {}) =>
    state({ d_one: settings() }, [
      login('u_one', password, { d_one: 'Owner' }, { origins: ['Socket', ...names], ...more }),
    ]);
  const mayEnter = async (from: string, as: Who = who, isPlain = false): Promise<boolean> =>
    await under.enter(from, as, { isPlain }).then(
      async (session) => (await session.close(), true),
      () => false,
    );
  const lets = async (as: Who = who) => ({
    inside: [await mayEnter(inside.v4.address, as), await mayEnter(inside.v6.address, as)],
    outside: [await mayEnter(outside.v4.address, as), await mayEnter(outside.v6.address, as)],
  });
  const allIn = { inside: [true, true], outside: [false, false] };
  const nobody = { inside: [false, false], outside: [false, false] };

  await t.test('a login comes from its networks, by TLS, and by the socket; nobody else comes', async (each) => {
    await go(at([]));
    each.same(await lets(), nobody, 'without networks by the socket alone');
    const wanted = at(networks);
    await go(wanted);
    each.same(await lets(), allIn);
    each.same(await does(who, 'SELECT 1'), [['1']], 'by the socket');
    each.strictSame(await planned(wanted), []);
    await go(state({ d_two: settings() }, [login('u_two', 'b', { d_two: 'Owner' })]), other);
    each.same(await lets(['u_two', 'b', 'd_two']), nobody, 'another one, whose networks are none');
    each.same(await does(['u_two', 'b', 'd_two'], 'SELECT 1'), [['1']], 'who is let in by the socket');
    for (const { address } of [inside.v4, inside.v6]) {
      each.notOk(await mayEnter(address, who, true), 'without TLS');
      each.notOk(await mayEnter(address, ['u_one', 'wrong', 'd_one']), 'with another password');
      each.notOk(await mayEnter(address, ['u_one', 'a', 'd_two']), 'a database of another tenant');
      each.notOk(await mayEnter(address, [under.administrator, '', 'd_one']), 'the administrator');
    }
    each.notOk(await mayEnter(server.v4), 'from the machine itself over the network');
    await clear();
  });

  await t.test(
    'other networks count at once: who came from one that is gone is put out, and nobody else',
    async (each) => {
      await go(at(networks));
      const [near, remote] = [await under.login(...who), await under.enter(inside.v4.address, who)];
      await go(at([...networks, outside.v4.network]));
      each.same(await lets(), { inside: [true, true], outside: [true, false] });
      for (const session of [near, remote]) each.same(await session.query('SELECT 1'), [['1']], 'who was in stays');
      await near.close();
      await go(at([outside.v4.network]));
      await each.rejects(remote.query('SELECT 1'), 'who came from a network that is gone');
      await remote.close().catch(() => undefined);
      each.same(await lets(), { inside: [false, false], outside: [true, false] });
      await go(at([]));
      each.same(await lets(), nobody);
      await clear();
    },
  );

  await t.test('a single address, and all of a family, are networks as well', async (each) => {
    await go(at([`${inside.v4.address}/32`, `${inside.v6.address}/128`]));
    each.same(await lets(), allIn);
    await go(at([`${outside.v4.address}/32`, `${outside.v6.address}/128`]));
    each.same(await lets(), { inside: [false, false], outside: [true, true] });
    await go(at(['0.0.0.0/0']));
    each.same(await lets(), { inside: [true, false], outside: [true, false] });
    await go(at(['::/0']));
    each.same(await lets(), { inside: [false, true], outside: [false, true] });
    await clear();
  });

  await t.test('a lock, a password, a right and a full database count wherever one comes from', async (each) => {
    const remote = [inside.v4.address, inside.v6.address];
    await go(at(networks));
    await does(who, 'CREATE TABLE t (n integer)');
    const sessions = await Promise.all(remote.map(async (from) => await under.enter(from, who)));
    await go(at(networks, 'a', { isLocked: true }));
    for (const session of sessions) {
      await each.rejects(session.query('SELECT 1'), 'who was in is out');
      await session.close().catch(() => undefined);
    }
    each.same(await lets(), nobody);
    await go(at(networks, 'b'));
    each.same(await lets(), nobody, 'by the password before');
    each.same(await lets(['u_one', 'b', 'd_one']), allIn);
    await go({ ...at(networks, 'b'), databases: new Map([['d_one', settings('Full')]]) });
    for (const from of remote) {
      const session = await under.enter(from, ['u_one', 'b', 'd_one']);
      await each.rejects(session.query('INSERT INTO t VALUES (1)'));
      each.same(await session.query('SELECT count(*) FROM t'), [['0']]);
      await session.close();
    }
    const reader = login('u_one', 'b', { d_one: 'ReadOnly' }, { origins: ['Socket', ...networks] });
    await go(state({ d_one: settings() }, [reader]));
    for (const from of remote) {
      const session = await under.enter(from, ['u_one', 'b', 'd_one']);
      await each.rejects(session.query('INSERT INTO t VALUES (1)'));
      await session.close();
    }
    await clear();
  });

  await t.test('who is put out by hand is found and let in again; looking writes nothing', async (each) => {
    const wanted = at(networks);
    await go(wanted);
    for (const network of networks) {
      const admin = await under.admin();
      for (const statement of await under.putOut('u_one', network)) await admin.query(statement);
      await admin.close();
      each.not((await planned(wanted)).length, 0);
      await go(wanted);
      each.same(await lets(), allIn);
    }
    const before = await under.statements();
    each.strictSame(await planned(wanted), []);
    each.equal((await under.statements()).writes, before.writes);
    await clear();
  });

  await t.test('no tenant lets anybody in, and a network is nobody’s to know', async (each) => {
    await go(at(networks));
    await go(state({ d_two: settings() }, [login('u_two', 'b', { d_two: 'Owner' })]), other);
    const tries = await under.break('u_two', inside.v4.network);
    for (const attempt of tries) {
      await each.rejects(does(who, attempt), attempt);
      await each.rejects(does(['u_two', 'b', 'd_two'], attempt), attempt);
    }
    each.same([await lets(), await lets(['u_two', 'b', 'd_two'])], [allIn, nobody]);
    for (const peek of under.peeks) {
      const seen = await does(['u_two', 'b', 'd_two'], peek).catch(() => []);
      each.notMatch(JSON.stringify(seen), inside.v4.network.replace(/\.0\/24$/, ''), peek);
    }
    const admin = await under.admin();
    await admin.query(tries[0] ?? '');
    await admin.close();
    each.ok(await mayEnter(inside.v4.address, ['u_two', 'b', 'd_two']), 'the control: an administrator does');
    await go(state({ d_two: settings() }, [login('u_two', 'b', { d_two: 'Owner' })]), other);
    each.same(await lets(['u_two', 'b', 'd_two']), nobody, 'which is put right');
    await clear();
  });

  await t.test('broken off anywhere, it ends as declared', async (each) => {
    const [before, after] = [at(networks), at([outside.v4.network])];
    const count = await atEachBreak(async (broken) => {
      await go(before);
      await broken(async () => await go(after));
      await go(after);
      each.same(await lets(), { inside: [false, false], outside: [true, false] });
      each.strictSame(await planned(after), []);
    });
    each.comment(`${String(count)} points`);
    await clear();
    each.same(await lets(), nobody);
  });
}
