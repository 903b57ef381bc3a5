import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { Client, escapeLiteral } from 'pg';
import type { Test } from 'tap';
import { systemClock } from '#runtime/base/clock.ts';
import { required } from '#runtime/base/errors.ts';
import { createDatabaseJobs } from '#runtime/drivers/databases/jobs.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import {
  installedPostgresql,
  ownPostgresql,
  placePostgresqlIdentity,
  startPostgresql,
  type PostgresqlSettings,
} from '#runtime/drivers/postgresql/index.ts';
import type { Host } from '#runtime/host/host.ts';
import type { DatabaseSession } from '#test/contracts/databases.ts';
import { realMachine } from '#test/runtime/host/machines.ts';
import { openAddresses, socketFrom } from './addresses.ts';
import { until } from './instance.ts';
import { killProcess } from './kill.ts';
import { labIntake } from './intake.ts';
import { administrator, breakableElsewhere, placeIdentity, somewhereElse, type Elsewhere } from './server-elsewhere.ts';
import type { Identity } from './pki.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

/** A real PostgreSQL below a root of its own, and what tests ask of it. */
export interface PostgresqlServer {
  readonly host: Host;
  readonly settings: PostgresqlSettings;
  readonly signal: AbortSignal;
  readonly disk: SmallDisk | undefined;
  /** Its connections can be broken. */
  readonly world: DatabasesWorld;
  /** By key of any Secret. */
  readonly passwords: Map<string, string>;
  login(name: string, password: string, database?: string): Promise<DatabaseSession>;
  admin(database?: string): Promise<DatabaseSession>;
  /** Messages with statements that the driver has sent, by the server's log. */
  statements(): Promise<readonly string[]>;
  log(): Promise<string>;
  breakAfter(statements: number | undefined): void;
  crash(meanwhile?: () => Promise<void>): Promise<void>;
}

const socketName = '.s.PGSQL.5432';
/** Of a line of the log that the driver is the cause of. */
const ofDriver = 'wcp360> ';

export interface PostgresqlServerElsewhere extends PostgresqlServer {
  readonly place: Elsewhere;
  /** Has another certificate from now on, as if another one came in between. */
  present(identity: Identity): Promise<void>;
}

/** As if it ran elsewhere: it is reached over the network alone, with TLS, and has been somebody's before. */
export async function openPostgresqlElsewhere(t: Test): Promise<PostgresqlServerElsewhere> {
  const own = await openPostgresql(t);
  const { host, signal } = own;
  const { uid, gid } = own.settings;
  const place = await somewhereElse(signal);
  const directory = `${host.root}/databases/postgresql/conf`;
  const { certificate, key } = await placeIdentity(host, { ...place, directory, uid, gid }, signal);
  const rules = 'local all postgres peer map=wcp360\nhostssl all all all scram-sha-256\n';
  await host.replaceFile(`${directory}/elsewhere.conf`, rules, { mode: 0o640, uid: 0, gid }, signal);
  const parameters = {
    ...own.settings.parameters,
    listen_addresses: place.address,
    hba_file: `${directory}/elsewhere.conf`,
    ssl: 'on',
    ssl_cert_file: certificate,
    ssl_key_file: key,
  };
  const settings = { ...own.settings, parameters };
  await startPostgresql(host, settings, signal);
  const admin = await own.admin();
  await admin.query(
    `CREATE ROLE ${administrator.username} SUPERUSER LOGIN PASSWORD ${escapeLiteral(administrator.password)}`,
  );
  await admin.close();
  const breaker = await breakableElsewhere(host, { ...place, engine: 'PostgreSQL', port: 5432 }, signal);
  return {
    ...own,
    place,
    settings,
    present: async (identity) => {
      await placeIdentity(host, { identity, directory, uid, gid }, signal);
      const session = await own.admin();
      await session.query('SELECT pg_reload_conf()');
      await session.close();
    },
    world: { ...own.world, host: breaker.host },
    breakAfter: breaker.breakAfter,
    login: async (name, password, database = 'postgres') =>
      await openClient({ host: place.address, user: name, password, database, ca: place.authorities }),
    crash: async (meanwhile) => await crash(host, settings, signal, meanwhile),
  };
}

/** As a host's own with a network has it: it is reached at `addresses`, too. */
export async function openPostgresqlOnNetwork(t: Test) {
  const own = await openPostgresql(t);
  const { host, signal } = own;
  const addresses = await openAddresses(t);
  const { authorities, identity } = await somewhereElse();
  const pair = { certificate: identity.cert.toString(), key: identity.key.toString() };
  await placePostgresqlIdentity(host, pair, own.settings, signal);
  const settings = { ...own.settings, network: { addresses: [addresses.server.v4, addresses.server.v6] } };
  await startPostgresql(host, settings, signal);
  return {
    ...own,
    settings,
    addresses,
    authorities,
    administrator: 'postgres',
    crash: async (meanwhile?: () => Promise<void>) => await crash(host, settings, signal, meanwhile),
    enter: async (from: string, [user, password, database]: Who, { isPlain } = { isPlain: false }) => {
      const at = from.includes(':') ? addresses.server.v6 : addresses.server.v4;
      const ca = isPlain ? {} : { ca: authorities };
      return await openClient({ host: at, user, password, database, ...ca, from });
    },
    putOut: async (login: string, network: string): Promise<readonly string[]> => {
      const admin = await own.admin();
      const rows = await admin.query(`SELECT role FROM wcp360.networks WHERE network = ${escapeLiteral(network)}`);
      await admin.close();
      return rows.map(([role]) => `REVOKE "${role ?? ''}" FROM ${login}`);
    },
    break: async (login: string, network: string): Promise<readonly string[]> => {
      const admin = await own.admin();
      const rows = await admin.query(`SELECT role FROM wcp360.networks WHERE network = ${escapeLiteral(network)}`);
      await admin.close();
      const role = `"${rows[0]?.[0] ?? ''}"`;
      return [
        `GRANT ${role} TO ${login}`,
        `CREATE ROLE another IN ROLE ${role} LOGIN`,
        `ALTER ROLE ${role} LOGIN`,
        `ALTER GROUP ${role} ADD USER ${login}`,
        `DROP ROLE ${role}`,
        `SELECT * FROM pg_hba_file_rules`,
        `SELECT pg_reload_conf()`,
        `SELECT pg_read_file('${host.root}/databases/postgresql/conf/networks.json')`,
        `ALTER SYSTEM SET hba_file = '/tmp/hba'`,
        `SET hba_file = '/tmp/hba'`,
      ];
    },
  };
}

type Who = readonly [name: string, password: string, database: string];

/** Starts it; everything ends with the test. `diskBytes`: on a disk of its own, which can be filled. */
export async function openPostgresql(
  t: Test,
  { diskBytes }: { readonly diskBytes?: number } = {},
): Promise<PostgresqlServer> {
  const disk = diskBytes === undefined ? undefined : await mountSmallDisk(diskBytes);
  const machine = await realMachine('supervisor', disk?.directory);
  const { host } = machine;
  const lifetime = new AbortController();
  const { signal } = lifetime;
  t.teardown(async () => {
    lifetime.abort();
    await disk?.close();
    await machine.close();
  });
  const settings = await testSettings(host, signal);
  await startPostgresql(host, settings, signal);
  const passwords = new Map<string, string>();
  const { connectUnix, breakAfter } = breakable(host);
  const directory = `${host.root}/databases/postgresql`;
  const log = grownLog(`${directory}/postgresql.log`);
  const enter = async (user: string, password: string | undefined, database: string) =>
    await openClient({ host: `${directory}/run`, user, password, database });
  return {
    host,
    settings,
    signal,
    passwords,
    disk,
    world: {
      host: ownPostgresql({ ...host, connectUnix }),
      secrets: { read: async () => Object.fromEntries(passwords) },
      jobs: createDatabaseJobs({ atOnce: 1, clock: systemClock, log: silentLogger, signal }),
      intake: labIntake,
    },
    login: async (name, password, database = 'postgres') => await enter(name, password, database),
    admin: async (database = 'postgres') => await enter('postgres', undefined, database),
    log,
    statements: async () =>
      (await log()).split('\n').flatMap((line) => line.split(`${ofDriver}LOG:  statement: `)[1] ?? []),
    breakAfter,
    crash: async (meanwhile) => await crash(host, settings, signal, meanwhile),
  };
}

async function crash(
  host: Host,
  settings: PostgresqlSettings,
  signal: AbortSignal,
  meanwhile?: () => Promise<void>,
): Promise<void> {
  const { pid } = required(await host.services.get('postgresql', signal), 'PostgreSQL');
  killProcess(pid);
  await until(async () => (await host.services.get('postgresql', signal))?.pid !== pid, 'its end');
  await meanwhile?.();
  await startPostgresql(host, settings, signal);
}

/** All that was ever in a log, of which the machine cuts the beginning off when it has grown large. */
function grownLog(path: string): () => Promise<string> {
  let [all, known] = ['', ''];
  return async () => {
    const text = await readFile(path, 'utf8');
    all += text.startsWith(known) ? text.slice(known.length) : text.slice(endOfLastLine(known, text));
    known = text;
    return all;
  };
}

/** Where in `after` the last whole line of `before` ends; 0 when it is not there any more. */
function endOfLastLine(before: string, after: string): number {
  const end = before.lastIndexOf('\n') + 1;
  const line = before.slice(before.lastIndexOf('\n', end - 2) + 1, end);
  const at = line === '' ? -1 : after.lastIndexOf(line);
  return at < 0 ? 0 : at + line.length;
}

/** Quick, and talkative. */
export async function testSettings(host: Host, signal: AbortSignal): Promise<PostgresqlSettings> {
  const installed = required(await installedPostgresql(host, signal), 'PostgreSQL');
  if ('lacks' in installed) throw new Error(`${installed.lacks} is not installed`);
  const { programs, uid, gid } = installed;
  return {
    ...{ programs, uid, gid },
    root: host.root,
    memoryBytes: 1 << 29,
    parameters: { fsync: 'off', full_page_writes: 'off', log_statement: 'all', log_line_prefix: '%a> ' },
  };
}

/** As a tenant's program does it, with the library that ours uses, by the path of the socket. */
export async function openClient(options: {
  readonly host: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** Of a server elsewhere. */
  readonly ca?: string;
  /** From which address; any of the machine when absent. */
  readonly from?: string;
}): Promise<DatabaseSession> {
  const text = { getTypeParser: () => (value: unknown) => value } as never;
  const ssl = options.ca === undefined ? false : { ca: options.ca, checkServerIdentity: () => undefined };
  const { from } = options;
  const stream = from === undefined ? {} : { stream: () => socketFrom(from) };
  const client = new Client({ ...options, ...stream, port: 5432, ssl, application_name: 'tenant', types: text });
  client.on('error', () => undefined);
  await client.connect();
  return {
    query: async (statement) => {
      const result = await client.query({ text: statement, rowMode: 'array' });
      return result.rows as (string | null)[][];
    },
    close: async () => await client.end(),
  };
}

/** Connections of a host to the server, all of which break once so many statements were sent over them together: the last is not answered any more. */
function breakable(host: Host): Pick<Host, 'connectUnix'> & { readonly breakAfter: PostgresqlServer['breakAfter'] } {
  let left: number | undefined;
  const open = new Set<Duplex>();
  const breakAll = (): void => open.forEach((stream) => stream.destroy());
  const connectUnix: Host['connectUnix'] = async (path, signal) => {
    const stream = await host.connectUnix(path, signal);
    if (!path.endsWith(socketName)) return stream;
    open.add(stream.on('close', () => open.delete(stream)));
    const write = stream.write.bind(stream) as (chunk: Buffer, done?: () => void) => boolean;
    const counted = (chunk: Buffer, done?: () => void): boolean => {
      // A query of the protocol begins with a Q; start and end do not.
      if (left === undefined || chunk[0] !== 0x51) return write(chunk, done);
      if (left === 0) return (breakAll(), false);
      left -= 1;
      return left === 0 ? write(chunk, breakAll) : write(chunk, done);
    };
    return Object.assign(stream, { write: counted });
  };
  return { connectUnix, breakAfter: (statements) => void (left = statements) };
}
