import mysql from 'mysql2/promise';
import pg from 'pg';
import type { Client } from '#runtime/client/client.ts';
import { mountPoint } from '#runtime/cmd/instance/layout.ts';
import { secretType } from './tenants.ts';

/** What an application finds in its Secret. */
export type Connection = Readonly<Record<string, string>>;

/** What is in a Secret, by its namespace and name; paths of an instance are those of its own view of the files, and lie elsewhere for us. */
export function connectionsOf(client: Client, directory: string) {
  const here = (text: string): string =>
    text.replaceAll(mountPoint, directory).replaceAll(encodeURIComponent(mountPoint), encodeURIComponent(directory));
  return async (namespace: string, name: string): Promise<Connection> => {
    const secret = await client.get(secretType, { namespace, name });
    const { data = {} } = secret as { readonly data?: Readonly<Record<string, string>> };
    return Object.fromEntries(
      Object.entries(data).map(([key, text]) => [key, here(Buffer.from(text, 'base64').toString())] as const),
    );
  };
}

type Ask = (statement: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

export type Work = (ask: Ask) => Promise<unknown>;

/** Logs in with nothing but what is in a Secret, works, and leaves. */
export const enter = {
  PostgreSQL: async ({ uri = '' }: Connection, work: Work): Promise<void> => {
    const session = new pg.Client({ connectionString: uri });
    session.on('error', () => undefined);
    await session.connect();
    try {
      await work(async (statement) => (await session.query<Readonly<Record<string, unknown>>>(statement)).rows);
    } finally {
      await session.end().catch(() => undefined);
    }
  },
  MariaDB: async (
    { socket = '', username = '', password = '', database = '' }: Connection,
    work: Work,
  ): Promise<void> => {
    const session = await mysql.createConnection({ socketPath: socket, user: username, password, database });
    try {
      await work(async (statement) => (await session.query(statement))[0] as Readonly<Record<string, unknown>>[]);
    } finally {
      session.destroy();
    }
  },
} as const;

/** Who has the machine has its servers. */
export const administratorsOf = (root: string) => ({
  PostgreSQL: async (statement: string): Promise<void> => {
    const session = new pg.Client({ host: `${root}/databases/postgresql/run`, user: 'postgres' });
    await session.connect();
    try {
      await session.query(statement);
    } finally {
      await session.end();
    }
  },
  MariaDB: async (statement: string): Promise<void> => {
    const socketPath = `${root}/databases/mariadb/run/mariadb.sock`;
    const session = await mysql.createConnection({ socketPath, user: 'root' });
    await session.query(statement).finally(() => session.destroy());
  },
});
