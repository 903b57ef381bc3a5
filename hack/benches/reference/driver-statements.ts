import type { Duplex } from 'node:stream';
import { databaseNameOf, usernameOf, type Engine } from '#controllers/database-names.ts';
import type { DatabaseAction } from '#runtime/drivers/databases/model.ts';
import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import { mariadbDriver, ownMariadb } from '#runtime/drivers/mariadb/index.ts';
import { ownPostgresql, postgresqlDriver } from '#runtime/drivers/postgresql/index.ts';
import type { Host } from '#runtime/host/host.ts';
import { administrators, openEngineSession } from './engine-session.ts';

/** What the server was sent at once. */
export interface Statement {
  /** In which a session of its own says it; absent: the session at the server itself says it. */
  readonly inside?: string;
  readonly text: string;
}

/** Who has a database, and the login that owns it: real names on the server. */
export interface Pair {
  readonly database: string;
  readonly username: string;
}

/** What a driver sends for one database with its login, in its order. */
export interface Recording {
  readonly pair: Pair;
  readonly statements: readonly Statement[];
  /** What PostgreSQL is told of each session. */
  readonly options: string | undefined;
  /** That lets the login in. */
  readonly password: string;
}

const namespace = 'bench';
const password = 'a-password-of-24-letters';
const signal = new AbortController().signal;
const usual = {
  PostgreSQL: { encoding: 'UTF8', collation: 'C.UTF-8' },
  MariaDB: { encoding: 'utf8mb4', collation: 'utf8mb4_unicode_ci' },
} as const;

/** The real names of a Database and a DatabaseUser of one name. */
export function pairOf(engine: Engine, name: string): Pair {
  return {
    database: databaseNameOf(namespace, name),
    username: usernameOf({ namespace, name }, engine, 'First'),
  };
}

/** The same statements for another pair. */
export function statementsFor({ statements, pair }: Recording, { database, username }: Pair): readonly Statement[] {
  // Names differ after their first two letters; MariaDB's have a backslash among those where they are patterns.
  const bare = (name: string): string => name.slice(2);
  const renamed = (text: string): string =>
    text.replaceAll(bare(pair.database), bare(database)).replaceAll(bare(pair.username), bare(username));
  return statements.map(({ inside, text }) => ({
    ...(inside !== undefined && { inside: renamed(inside) }),
    text: renamed(text),
  }));
}

/** Has the driver make one database with a login on this server, and listens. */
export async function recordDriver(engine: Engine, host: Host): Promise<Recording> {
  const pair = pairOf(engine, 'recorded');
  const heard = await (engine === 'PostgreSQL' ? hearPostgresql : hearMariadb)(host, pair);
  return { ...heard, pair, password };
}

type Heard = Pick<Recording, 'statements' | 'options'>;

/** Off the connection: the server's log lacks the statements that let in. */
async function hearPostgresql(host: Host, pair: Pair): Promise<Heard> {
  const statements: Statement[] = [];
  let options: string | undefined;
  const connectUnix: Host['connectUnix'] = async (path, asking) => {
    let inside: string | undefined;
    return overheard(await host.connectUnix(path, asking), (message) => {
      const start = startOf(message);
      if (start !== undefined) {
        options = start['options'];
        inside = start['database'] === 'postgres' ? undefined : start['database'];
      }
      // "Query" is a Q, a length, and text that ends with a zero.
      if (message[0] !== 0x51) return;
      statements.push({ ...(inside !== undefined && { inside }), text: message.subarray(5, -1).toString() });
    });
  };
  await applyBoth('PostgreSQL', { ...host, connectUnix }, pair);
  return { statements, options };
}

const protocolVersion = 196_608;

/** Parameters of a message that begins a session: a length, the version of the protocol, and words that end with a zero each. */
function startOf(message: Buffer): Readonly<Record<string, string>> | undefined {
  if (message.length < 8 || message.readInt32BE(4) !== protocolVersion) return undefined;
  const words = message.subarray(8).toString().split('\0');
  const names = words.filter((_, index) => index % 2 === 0);
  return Object.fromEntries(names.map((name, index) => [name, words[2 * index + 1] ?? '']));
}

function overheard(stream: Duplex, hear: (message: Buffer) => void): Duplex {
  const write = stream.write.bind(stream) as (chunk: Buffer, done?: () => void) => boolean;
  return Object.assign(stream, {
    write: (chunk: Buffer, done?: () => void): boolean => {
      hear(chunk);
      return write(chunk, done);
    },
  });
}

/** By the server's log, which has the values of prepared statements in their places. */
async function hearMariadb(host: Host, pair: Pair): Promise<Heard> {
  const session = await openEngineSession('MariaDB', { root: host.root, username: administrators.MariaDB });
  try {
    await session.ask("SET GLOBAL log_output = 'TABLE'");
    await session.ask('SET GLOBAL general_log = ON');
    await applyBoth('MariaDB', host, pair);
    await session.ask('SET GLOBAL general_log = OFF');
    const rows = await session.ask(
      "SELECT CONVERT(argument USING utf8mb4) AS text FROM mysql.general_log WHERE command_type IN ('Query', 'Execute') AND thread_id <> CONNECTION_ID()",
    );
    return { statements: rows.map(({ text }) => ({ text: String(text) })), options: undefined };
  } finally {
    await session.close();
  }
}

async function applyBoth(engine: Engine, host: Host, { database, username }: Pair): Promise<void> {
  const own = engine === 'PostgreSQL' ? ownPostgresql(host) : ownMariadb(host);
  const world: DatabasesWorld = { host: own, secrets: { read: async () => ({ key: password }) } };
  const settings = { ...usual[engine], extensions: [], access: 'Open' } as const;
  const login = {
    password: { namespace, name: 'recorded-passwords', key: 'key' },
    grants: { [database]: 'Owner' },
    connections: 10,
    limits: { statementTimeoutMs: 600_000, temporaryBytes: 2 ** 30 },
    isLocked: false,
  } as const;
  const owner = (kind: string): string => `${kind}/${namespace}/recorded/00000000-0000-4000-8000-000000000000`;
  const common = { reason: 'recorded', disruption: 'none', changes: [] } as const;
  const actions = [
    { op: 'create-database', subject: database, input: { name: database, owner: owner('Database'), settings } },
    { op: 'create-login', subject: username, input: { name: username, owner: owner('DatabaseUser'), settings: login } },
  ] as const;
  for (const action of actions) {
    const all = { ...common, ...action };
    if (engine === 'PostgreSQL')
      await postgresqlDriver.apply({ driver: 'postgresql', ...all } as DatabaseAction<'postgresql'>, world, signal);
    else await mariadbDriver.apply({ driver: 'mariadb', ...all } as DatabaseAction<'mariadb'>, world, signal);
  }
}
