import { EventEmitter, once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { createDatabaseRelays } from '#runtime/cmd/agent/database-relays.ts';
import type { ServerWay } from '#runtime/drivers/databases/programs.ts';
import type { Host } from '#runtime/host/host.ts';
import { connectTcp } from '#runtime/host/local/connect.ts';
import { labTenant } from '#test/lab/intake.ts';
import { until } from '#test/lab/instance.ts';
import { mariadbPacket } from '#test/lab/scripted-server.ts';
import { serverName, type Declared } from '#test/lab/server-elsewhere.ts';

const signal = new AbortController().signal;

/** The laws of sockets that lead to a server elsewhere, whatever that server and its programs do. */
export async function relaysContract(
  t: Test,
  host: Host,
  { engine, address, authorities, port, over }: Declared,
): Promise<void> {
  const relays = createDatabaseRelays(host, over);
  const ways = { PostgreSQL: '.s.PGSQL.5432', MariaDB: 'mariadb.sock' } as const;
  const other = engine === 'MariaDB' ? 'PostgreSQL' : 'MariaDB';
  const wayTo = async (name: string, at: AddressInfo, of = engine): Promise<ServerWay> => {
    const reach = async (asking: AbortSignal) => {
      const stream = await connectTcp({ host: at.address, port: at.port }, asking);
      return { stream, tls: { name: serverName, authorities } };
    };
    return await relays.lead({ name, engine: of, reach })(labTenant.uid, signal);
  };
  const come = async ({ socketDirectory, socketFile = '' }: ServerWay): Promise<Socket> => {
    const program = connect({ path: `${socketDirectory}/${socketFile}`, allowHalfOpen: true }).on(
      'error',
      () => undefined,
    );
    await once(program, 'connect');
    return program;
  };

  await t.test('a server that breaks while its program says nothing ends that connection alone', async (each) => {
    const fake = await listen((socket) => {
      const server = connect({ host: address, port });
      socket.pipe(server).pipe(socket);
      server.on('error', () => undefined);
    });
    const errors = errorsDuring(each);
    const way = await wayTo('breaking', fake.at);
    const program = await come(way);
    await until(() => fake.open.size === 1, 'the relay to come');
    // It waits for the program once nothing more is said.
    for (let said = 0; said === 0 || said !== fake.said(); await delay(200)) said = fake.said();
    for (const socket of fake.open) socket.resetAndDestroy();
    await until(() => errors.length > 0, 'the relay to meet the break');
    each.match(errors[0], { code: 'ECONNRESET' }, 'the control: an error without a listener ends the agent');
    program.destroy();
    fake.close();
  });

  await t.test('a server that will not do is left, whatever its program does', async (each) => {
    const fake = await listen((socket) => socket.write('NNNN'));
    const program = await come(await wayTo('unfit', fake.at));
    const [said] = (await once(program, 'data')) as [Buffer];
    each.match(said.toString('latin1'), /DatabaseServer unfit: it does not speak/);
    await until(() => fake.most > 0 && fake.open.size === 0, 'the server to be left');
    each.notOk(program.destroyed, 'the control');
    program.destroy();
    fake.close();
  });

  await t.test('a program that says half of something, and no more for a while, holds up nobody', async (each) => {
    const program = await come(await wayTo('half', { address, port, family: 'IPv4' }));
    // The server of MariaDB speaks first.
    if (engine === 'MariaDB') await once(program, 'data');
    program.write(logins[engine].subarray(0, 3));
    await delay(200);
    program.write(logins[engine].subarray(3));
    const [answer] = (await once(program, 'data')) as [Buffer];
    each.notMatch(answer.toString('latin1'), /DatabaseServer half/, 'the server has heard all of it');
    program.destroy();
  });

  await t.test('programs that do not log in take few of the connections of a server', async (each) => {
    const fake = await listen(() => undefined);
    const way = await wayTo('silent', fake.at);
    const programs = await Promise.all(Array.from({ length: 20 }, async () => await come(way)));
    await until(() => fake.open.size >= 16, 'as many as may');
    for (const program of programs.splice(0, 10)) program.destroy();
    await until(() => fake.count > 16 && fake.open.size === 10, 'the others’ turns');
    each.equal(fake.most, 16);
    for (const program of programs) program.destroy();
    fake.close();
  });

  await t.test('a way goes with its server; one of its name and another engine has its own', async (each) => {
    const fake = await listen(() => undefined);
    const first = await wayTo('main', fake.at);
    const second = await wayTo('main', fake.at, other);
    each.same([first.socketFile, second.socketFile], [ways[engine], ways[other]]);
    const [program, stays] = [await come(first), await come(second)];
    relays.leave({ name: 'main', engine });
    await once(program.resume(), 'end');
    await each.rejects(come(first));
    each.notOk(stays.destroyed);
    stays.destroy();
    for (const way of [second, await wayTo('main', fake.at)]) (await come(way)).destroy();
    fake.close();
  });
}

/** Somebody unknown logs in: protocol 3.0 and a name; protocol 4.1 with what is needed for that, no character set, a name and no password. */
const logins = {
  PostgreSQL: Buffer.concat([Buffer.from([0, 0, 0, 21, 0, 3, 0, 0]), Buffer.from('user\0nobody\0\0')]),
  MariaDB: mariadbPacket(
    1,
    Buffer.concat([Buffer.from([0, 0x82, 0, 0, 0, 0, 0, 1, 33]), Buffer.alloc(23), Buffer.from('nobody\0\0')]),
  ),
} as const;

/** All that are emitted while a test runs; nobody listens for that. */
function errorsDuring(t: Test): readonly unknown[] {
  const errors: unknown[] = [];
  const { emit } = EventEmitter.prototype;
  EventEmitter.prototype.emit = function (this: EventEmitter, event: string | symbol, ...args: unknown[]) {
    if (event === 'error') errors.push(args[0]);
    return emit.call(this, event, ...args);
  };
  t.teardown(() => (EventEmitter.prototype.emit = emit));
  return errors;
}

/** A server that does what it is told to with each connection, and how many of these there are. */
async function listen(onConnection: (socket: Socket) => void) {
  const open = new Set<Socket>();
  const seen = { most: 0, count: 0 };
  const server = createServer((socket) => {
    open.add(socket.on('error', () => undefined).on('close', () => open.delete(socket)));
    socket.resume();
    seen.count += 1;
    seen.most = Math.max(seen.most, open.size);
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  const said = (): number => [...open].reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0);
  return Object.assign(seen, { said, at: server.address() as AddressInfo, open, close });
}
