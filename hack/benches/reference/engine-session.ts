import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import type { Engine } from '#controllers/database-names.ts';
import { mariadbPaths } from '#runtime/drivers/mariadb/index.ts';
import { socketDirectory } from '#runtime/drivers/postgresql/index.ts';

/** One connection to the server of databases below a root. */
export interface EngineSession {
  /** Rows of what is asked; values are what the library makes of them. */
  ask(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): Promise<void>;
}

/** Who logs in, and where; without a database one is at the server itself. */
export interface Entry {
  readonly root: string;
  readonly database?: string;
  readonly username: string;
  readonly password?: string;
  /** What PostgreSQL is told of a session when it begins. */
  readonly options?: string;
  readonly applicationName?: string;
}

export const administrators: Readonly<Record<Engine, string>> = { PostgreSQL: 'postgres', MariaDB: 'root' };

/** By the socket. Rejects in the server's words when it lets nobody in. */
export async function openEngineSession(engine: Engine, entry: Entry): Promise<EngineSession> {
  return engine === 'PostgreSQL' ? await openPostgresql(entry) : await openMariadb(entry);
}

async function openPostgresql(entry: Entry): Promise<EngineSession> {
  const { root, database = 'postgres', username, password, options, applicationName = 'bench' } = entry;
  const client = new Client({
    ...{ host: socketDirectory(root), port: 5432, ssl: false, database, user: username },
    ...{ password, options, application_name: applicationName, client_encoding: 'UTF8' },
  });
  client.on('error', () => undefined);
  await client.connect();
  return {
    ask: async (text) => (await client.query<Readonly<Record<string, unknown>>>(text)).rows,
    close: async () => await client.end(),
  };
}

async function openMariadb({ root, database, username, password }: Entry): Promise<EngineSession> {
  const connection = await createConnection({
    ...{ socketPath: mariadbPaths(root).socket, user: username, charset: 'utf8mb4' },
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
  });
  return {
    ask: async (text) => (await connection.query(text))[0] as Readonly<Record<string, unknown>>[],
    close: async () => await connection.end(),
  };
}
