import { readFileSync } from 'node:fs';
import { Readable, type Duplex } from 'node:stream';
import { createConnection } from 'mysql2/promise';
import { escape } from 'mysql2';
import type { Test } from 'tap';
import { systemClock } from '#runtime/base/clock.ts';
import { required } from '#runtime/base/errors.ts';
import { createDatabaseJobs } from '#runtime/drivers/databases/jobs.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import {
  mariadbPaths,
  ownMariadb,
  placeMariadbIdentity,
  startMariadb,
  type MariadbSettings,
} from '#runtime/drivers/mariadb/index.ts';
import { hostsOf } from '#runtime/drivers/mariadb/places.ts';
import type { Host } from '#runtime/host/host.ts';
import type { DatabaseSession } from '#test/contracts/databases.ts';
import { realMachine } from '#test/runtime/host/machines.ts';
import { connectFrom, openAddresses } from './addresses.ts';
import { killProcess } from './kill.ts';
import { labIntake } from './intake.ts';
import { administrator, breakableElsewhere, placeIdentity, somewhereElse, type Elsewhere } from './server-elsewhere.ts';
import type { Identity } from './pki.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

/** A real MariaDB below a root of its own, and what tests ask of it. */
export interface MariadbServer {
  readonly host: Host;
  readonly settings: MariadbSettings;
  readonly signal: AbortSignal;
  readonly disk: SmallDisk | undefined;
  readonly world: DatabasesWorld;
  readonly socket: string;
  /** By key of any Secret. */
  readonly passwords: Map<string, string>;
  login(name: string, password: string, database?: string): Promise<DatabaseSession>;
  admin(database?: string): Promise<DatabaseSession>;
  statements(): Promise<{ readonly reads: number; readonly writes: number }>;
  log(): Promise<string>;
  breakAfter(statements: number | undefined): void;
  crash(meanwhile?: () => Promise<void>): Promise<void>;
}

/** What stands in a file that LOAD DATA LOCAL sends, whatever its name. */
const localFile = '101\n102\n';

export interface MariadbServerElsewhere extends MariadbServer {
  readonly place: Elsewhere;
  /** Has another certificate from now on, as if another one came in between. */
  present(identity: Identity): Promise<void>;
}

/** As if it ran elsewhere: it is reached over the network alone, with TLS, and has been somebody's before. */
export async function openMariadbElsewhere(t: Test): Promise<MariadbServerElsewhere> {
  const own = await openMariadb(t);
  const { host, signal } = own;
  const { uid, gid } = own.settings;
  const place = await somewhereElse(signal);
  const directory = mariadbPaths(host.root).temporary;
  const { certificate, key } = await placeIdentity(host, { ...place, directory, uid, gid }, signal);
  const options = {
    ...own.settings.options,
    'skip-networking': '0',
    'bind-address': place.address,
    'ssl-cert': certificate,
    'ssl-key': key,
  };
  const settings = { ...own.settings, options };
  await startMariadb(host, settings, signal);
  const root = await own.admin();
  const { username, password } = administrator;
  await root.query(`CREATE USER ${username}@'%' IDENTIFIED BY ${escape(password)}`);
  await root.query(`GRANT ALL PRIVILEGES ON *.* TO ${username}@'%' WITH GRANT OPTION`);
  await root.close();
  const breaker = await breakableElsewhere(host, { ...place, engine: 'MariaDB', port: 3306 }, signal);
  return {
    ...own,
    place,
    settings,
    present: async (identity) => {
      await placeIdentity(host, { identity, directory, uid, gid }, signal);
      const session = await own.admin();
      await session.query('FLUSH SSL');
      await session.close();
    },
    world: { ...own.world, host: breaker.host },
    breakAfter: breaker.breakAfter,
    statements: async () => countStatements(readFileSync(generalLog(settings), 'utf8')),
    login: async (user, password, database) =>
      await openSession({ address: place.address, ca: place.authorities, user, password, database }),
    crash: async (meanwhile) => await crash(host, settings, signal, meanwhile),
  };
}

/** As a host's own with a network has it: it is reached at `addresses`, too. */
export async function openMariadbOnNetwork(t: Test) {
  const own = await openMariadb(t);
  const { host, signal } = own;
  const addresses = await openAddresses(t);
  const { authorities, identity } = await somewhereElse();
  const pair = { certificate: identity.cert.toString(), key: identity.key.toString() };
  await placeMariadbIdentity(host, pair, own.settings, signal);
  const settings = { ...own.settings, network: { addresses: [addresses.server.v4, addresses.server.v6] } };
  await startMariadb(host, settings, signal);
  return {
    ...own,
    settings,
    addresses,
    authorities,
    administrator: 'root',
    statements: async () => countStatements(readFileSync(generalLog(settings), 'utf8')),
    crash: async (meanwhile?: () => Promise<void>) => await crash(host, settings, signal, meanwhile),
    enter: async (from: string, [user, password, database]: Who, { isPlain } = { isPlain: false }) => {
      const at = from.includes(':') ? addresses.server.v6 : addresses.server.v4;
      const ca = isPlain ? {} : { ca: authorities };
      return await openSession({ address: at, user, password, database, ...ca, from });
    },
    putOut: async (login: string, network: string): Promise<readonly string[]> =>
      await Promise.resolve(hostsOf([network]).map((place) => `DROP USER \`${login}\`@\`${place}\``)),
    break: async (login: string, network: string): Promise<readonly string[]> => {
      const [place = ''] = hostsOf([network]);
      const words = `IDENTIFIED BY 'b' REQUIRE SSL`;
      return await Promise.resolve([
        `GRANT ALL ON \`d\\_two\`.* TO \`${login}\`@\`${place}\` ${words}`,
        `CREATE USER \`${login}\`@\`${place}\` ${words}`,
        `CREATE OR REPLACE USER \`${login}\`@\`%\` ${words}`,
        `GRANT USAGE ON *.* TO \`${login}\`@\`%\``,
        `RENAME USER \`${login}\`@localhost TO \`${login}\`@\`%\``,
        `ALTER USER CURRENT_USER REQUIRE NONE`,
        `INSERT INTO mysql.global_priv VALUES ('%', '${login}', '{}')`,
        `SELECT * FROM mysql.global_priv`,
        `SET GLOBAL require_secure_transport = 0`,
      ]);
    },
  };
}

type Who = readonly [name: string, password: string, database: string];

/** Starts it on tmpfs; everything ends with the test. `diskBytes`: on a disk of its own, which can be filled. */
export async function openMariadb(
  t: Test,
  { diskBytes }: { readonly diskBytes?: number } = {},
): Promise<MariadbServer> {
  const disk = diskBytes === undefined ? undefined : await mountSmallDisk(diskBytes);
  const machine = await realMachine('supervisor', disk?.directory);
  const lifetime = new AbortController();
  const { signal } = lifetime;
  t.teardown(async () => {
    lifetime.abort();
    await disk?.close();
    await machine.close();
  });
  const { mariadb } = await machine.host.capabilities(signal);
  const settings = labSettings(machine.host.root, required(mariadb, 'MariaDB'));
  await startMariadb(machine.host, settings, signal);
  const { socket, log } = mariadbPaths(machine.host.root);
  const passwords = new Map<string, string>();
  const breaker = breakable(machine.host);
  const session = async (user: string, password: string | undefined, database: string | undefined) =>
    await openSession({ socketPath: socket, user, password, database });
  return {
    host: breaker.host,
    settings,
    signal,
    world: {
      host: ownMariadb(breaker.host),
      secrets: { read: async () => Object.fromEntries(passwords) },
      jobs: createDatabaseJobs({ atOnce: 1, clock: systemClock, log: silentLogger, signal }),
      intake: labIntake,
    },
    socket,
    disk,
    passwords,
    login: session,
    admin: async (database) => await session('root', undefined, database),
    statements: async () => countStatements(readFileSync(generalLog(settings), 'utf8')),
    log: async () => [generalLog(settings), log].map((path) => readFileSync(path, 'utf8')).join('\n'),
    breakAfter: breaker.breakAfter,
    crash: async (meanwhile) => await crash(machine.host, settings, signal, meanwhile),
  };
}

async function crash(
  host: MariadbServer['host'],
  settings: MariadbSettings,
  signal: AbortSignal,
  meanwhile?: () => Promise<void>,
): Promise<void> {
  const { pid } = required(await host.services.get('mariadb', signal), 'the service');
  killProcess(pid);
  await meanwhile?.();
  await startMariadb(host, settings, signal);
}

/** Small, quick to stop, and with a log of all statements. */
export function labSettings(
  root: string,
  { uid, gid }: { readonly uid: number; readonly gid: number },
): MariadbSettings {
  const options = {
    'innodb-flush-log-at-trx-commit': '2',
    'innodb-flush-method': 'nosync',
    'innodb-log-file-size': '16M',
    'general-log': '1',
    'general-log-file': `${mariadbPaths(root).temporary}/general.log`,
  };
  return { root, uid, gid, bufferBytes: 32 << 20, temporaryBytes: 24 << 20, connections: 60, options };
}

function generalLog({ options }: MariadbSettings): string {
  return required(options?.['general-log-file'], 'the log of statements');
}

export async function openSession(options: {
  readonly socketPath?: string;
  /** Elsewhere, */
  readonly address?: string;
  /** with a certificate of this authority, */
  readonly ca?: string;
  /** from one of this machine's addresses. */
  readonly from?: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string | undefined;
}): Promise<DatabaseSession> {
  const { socketPath, address = '', ca, from } = options;
  const connection = await createConnection({
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(address === '' ? {} : { host: address }),
    ...(from === undefined ? {} : { stream: connectFrom(from, { host: address, port: 3306 }) }),
    ...(ca === undefined ? {} : { ssl: { ca } }),
    user: options.user,
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.database === undefined ? {} : { database: options.database }),
    rowsAsArray: true,
    typeCast: (field) => field.string(),
    infileStreamFactory: () => Readable.from([Buffer.from(localFile)]),
  });
  connection.on('error', () => undefined);
  return {
    query: async (statement) => {
      const [answer] = await connection.query(statement);
      return Array.isArray(answer) ? (answer as unknown as readonly (readonly (string | null)[])[]) : [];
    },
    close: async () => await connection.end(),
  };
}

/** Of the administrator, by the server's log of statements. */
function countStatements(log: string): { readonly reads: number; readonly writes: number } {
  const administrators = new Set<string>();
  const counts = { reads: 0, writes: 0 };
  for (const [, id = '', command = '', text = ''] of log.matchAll(/^[^\t\n]*\t+ *(\d+) (\w+)\t(.*)$/gm)) {
    if (command === 'Connect') administrators[/^(root|boss)@/.test(text) ? 'add' : 'delete'](id);
    if (!/^(Query|Execute)$/.test(command) || !administrators.has(id)) continue;
    counts[/^\s*(SELECT|SHOW)\b/i.test(text) ? 'reads' : 'writes'] += 1;
  }
  return counts;
}

/** COM_QUERY, COM_STMT_PREPARE, COM_STMT_EXECUTE */
const statementCommands: readonly number[] = [0x03, 0x16, 0x17];

/** A host whose connections break before the statement that is one too many. */
function breakable(host: Host) {
  let left = Infinity;
  const counted = (stream: Duplex): Duplex => {
    const write = stream.write.bind(stream) as (bytes: Buffer, done?: (err?: Error | null) => void) => boolean;
    stream.write = ((bytes: Buffer, done?: (err?: Error | null) => void) => {
      // The first packet of a command has the number 0.
      if (bytes[3] === 0 && statementCommands.includes(bytes[4] ?? -1)) left -= 1;
      if (left >= 0) return write(bytes, done);
      stream.destroy();
      return true;
    }) as typeof stream.write;
    return stream;
  };
  return {
    host: { ...host, connectUnix: async (path, signal) => counted(await host.connectUnix(path, signal)) } as Host,
    breakAfter: (statements: number | undefined) => void (left = statements ?? Infinity),
  };
}
