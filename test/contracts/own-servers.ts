import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Test } from 'tap';
import { PostponedError, RefusedError } from '#runtime/base/errors.ts';
import { openDatabaseServers } from '#runtime/cmd/agent/database-servers.ts';
import type { DatabasesDriver, DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import { noDatabases, type DatabaseSettings } from '#runtime/drivers/databases/model.ts';
import { createServersDriver, type ServersWorld } from '#runtime/drivers/databases/servers-driver.ts';
import { ownServersDriver, type OwnServersWorld } from '#runtime/drivers/own-servers/index.ts';
import type { OwnServerName, OwnServerSettings } from '#runtime/drivers/own-servers/model.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { openAddresses } from '#test/lab/addresses.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { machineOfTest } from '#test/runtime/host/machines.ts';
import { usualLimits, type DatabaseSession } from './databases.ts';
import { reach } from './driver.ts';

/** A server that an agent keeps for itself. */
export interface OwnServerUnderTest<Name extends OwnServerName> {
  readonly name: Name;
  readonly port: number;
  readonly driver: DatabasesDriver<Name>;
  readonly usual: Pick<DatabaseSettings, 'encoding' | 'collation'>;
  /** Over the network, if it is known by these certificates. */
  enter(address: string, ca: string): Promise<DatabaseSession>;
  /** By the socket in a directory below the root of a host; as u_one, whose password is `a`, to d_one. */
  enterBySocket(root: string): Promise<DatabaseSession>;
  /** Tells how many sessions there may be, the administrator's among them. */
  readonly most: { readonly statement: string; readonly of: (connections: number) => string };
}

const host: Owner = { kind: 'Host', namespace: '', name: 'web1', uid: 'u0' };
const one: Owner = { kind: 'DatabaseUser', namespace: 'acme', name: 'shop', uid: 'u1' };

/** How a server of a host runs follows what is wanted, and what it has stays. */
export async function ownServersContract<Name extends OwnServerName>(t: Test, under: OwnServerUnderTest<Name>) {
  const { name, driver } = under;
  const { machine, signal } = await machineOfTest(t);
  const { server: at } = await openAddresses(t);
  const pairs = new Map<string, Readonly<Record<string, string>>>();
  const authorities = await Promise.all(['first', 'second'].map(async (each) => await createLabAuthority(each)));
  for (const [index, authority] of authorities.entries())
    pairs.set(`pair-${String(index)}`, { ...(await authority.site(['db.example.org'])) });
  pairs.set('mixed', { ...pairs.get('pair-0'), 'tls.key': pairs.get('pair-1')?.['tls.key'] ?? '' });
  pairs.set('word', { k: 'a' });
  const secrets = { read: async (_namespace: string, each: string) => await Promise.resolve(pairs.get(each)) };
  const [first = '', second = ''] = authorities.map(({ ca }) => ca.toString());
  const open = async () => await openDatabaseServers({ host: machine.host, log: silentLogger, signal });
  let servers = await open();
  const world = (): OwnServersWorld => ({ ownServers: servers.keeper, secrets });
  const run = async (settings: OwnServerSettings) => await reach(ownServersDriver, world(), host, { [name]: settings });
  const network = (secret = 'pair-0', version = '1', addresses: readonly string[] = [at.v4, at.v6]) => ({
    network: { addresses, secret: { namespace: 'wcp360-system', name: secret, resourceVersion: version } },
  });
  const pid = async () => (await machine.host.services.get(name, signal))?.pid;
  const isReached = async (ca: string, address = at.v4): Promise<boolean> =>
    await under.enter(address, ca).then(
      async (session) => (await session.close(), true),
      () => false,
    );
  const bySocket = async (statement: string) => {
    const session = await under.enterBySocket(machine.host.root);
    const rows = await session.query(statement);
    await session.close();
    return rows;
  };

  await t.test('what is wanted of one that was not made yet holds once it is', async (each) => {
    await run(network());
    each.equal(await pid(), undefined);
    const dw: DatabasesWorld = { host: servers[name], secrets };
    await reach(driver, dw, one, {
      databases: new Map([['d_one', { ...under.usual, extensions: [], access: 'Open' as const }]]),
      logins: new Map([
        [
          'u_one',
          {
            password: { namespace: 'acme', name: 'word', key: 'k' },
            grants: { d_one: 'Owner' as const },
            origins: ['Socket', '127.0.0.0/8', '::/0'],
            connections: 5,
            limits: usualLimits,
            isLocked: false,
          },
        ],
      ]),
    });
    for (const address of [at.v4, at.v6]) each.ok(await isReached(first, address), address);
    each.notOk(await isReached(second), 'it is known by its certificate');
    await bySocket('CREATE TABLE t (n integer)');
  });

  await t.test('another certificate is shown to whoever comes next, and nobody is put out', async (each) => {
    const before = await pid();
    const inside = await under.enter(at.v4, first);
    await run(network('pair-1', '2'));
    each.same([await isReached(first), await isReached(second)], [false, true]);
    each.same(await inside.query('SELECT count(*) FROM t'), [['0']]);
    await inside.close();
    each.equal(await pid(), before);
    each.strictSame(await run(network('pair-1', '2')), []);
  });

  await t.test('it goes on as before where what is wanted cannot be had', async (each) => {
    const before = await pid();
    await each.rejects(run(network('mixed', '3')), RefusedError);
    await each.rejects(run(network('none', '3')), RefusedError);
    each.ok(await isReached(second));
    each.equal(await pid(), before);
    await run({});
    const other = createServer().listen(under.port, at.v4);
    await once(other, 'listening');
    const alone = await pid();
    await each.rejects(run(network()), PostponedError, 'somebody else listens there');
    await each.rejects(run(network('pair-0', '1', ['192.0.2.1'])), PostponedError, 'not an address of the machine');
    each.equal(await pid(), alone);
    each.same(await bySocket('SELECT count(*) FROM t'), [['0']]);
    other.close();
    await once(other, 'close');
    await run(network());
    each.ok(await isReached(first), 'the control');
    const listening = await pid();
    await each.rejects(run(network('pair-0', '1', [at.v4, '192.0.2.1'])), PostponedError, 'one address more');
    each.equal(await pid(), listening);
  });

  await t.test(
    'as many sessions as it may have are told to the server; a new agent starts nothing anew',
    async (each) => {
      await run({ ...network(), connections: 33 });
      each.same(await bySocket(under.most.statement), [[under.most.of(33)]]);
      const before = await pid();
      servers = await open();
      each.equal(await pid(), before);
      each.strictSame(await run({ ...network(), connections: 33 }), []);
      each.ok(await isReached(first));
    },
  );

  await t.test(
    'a network that cannot be had any more takes the server from nobody who comes by the socket',
    async (each) => {
      let told = 0;
      const engine = createServersDriver(driver);
      const dw = (): ServersWorld => ({ secrets, databaseServers: () => [servers[name]] });
      const rounds = {
        'when the machine starts': async () => void (servers = await open()),
        'when somebody finds it down': async () => {
          servers.keeper.follow(() => (told += 1), signal);
          const [action] = await reach(engine, dw(), one, noDatabases);
          each.match(action, { op: 'reach-server' });
        },
      };
      for (const [when, round] of Object.entries(rounds)) {
        await run(network());
        each.ok(await isReached(first), 'the control');
        await machine.host.services.stop(name, signal);
        const other = createServer().listen(under.port, at.v4);
        await once(other, 'listening');
        await round();
        each.same(await bySocket('SELECT count(*) FROM t'), [['0']], when);
        await each.rejects(run(network()), PostponedError, 'and it is said that it is not reached');
        other.close();
        await once(other, 'close');
        await run(network());
        each.ok(await isReached(first), 'once it can be had again');
        each.strictSame(await run(network()), []);
      }
      each.equal(told, 1);
    },
  );

  await t.test('without a network it is reached by its socket alone, and has what it had', async (each) => {
    await run({});
    each.same([await isReached(first), await isReached(first, at.v6)], [false, false]);
    each.same(await bySocket('SELECT count(*) FROM t'), [['0']]);
    await run(network());
    each.ok(await isReached(first), 'and comes from where it came before');
  });
}
