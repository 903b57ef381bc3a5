import type { Engine } from '#controllers/database-names.ts';

/** What a Secret says of a connection, but for the password. */
export interface Connection {
  readonly engine: Engine;
  readonly socketDirectory: string;
  readonly database: string;
  readonly username: string;
}

/** What the servers call their sockets. */
const servers: Readonly<Record<Engine, { readonly port: string; readonly socket: string }>> = {
  PostgreSQL: { port: '5432', socket: '.s.PGSQL.5432' },
  MariaDB: { port: '3306', socket: 'mariadb.sock' },
};

/**
 * The values of the Secret, under the names that the ecosystem has for them. `host` is what a library takes to come by the socket: the directory of PostgreSQL's,
 * and `localhost` of MariaDB's.
 */
export function secretValuesOf(
  { engine, socketDirectory, database, username }: Connection,
  password: string,
): Readonly<Record<string, string>> {
  const { port, socket: file } = servers[engine];
  const socket = `${socketDirectory}/${file}`;
  const who = `${username}:${encodeURIComponent(password)}`;
  const [host, uri] =
    engine === 'PostgreSQL'
      ? [socketDirectory, `postgresql://${who}@/${database}?host=${encodeURIComponent(socketDirectory)}&port=${port}`]
      : ['localhost', `mysql://${who}@localhost/${database}?socket=${encodeURIComponent(socket)}`];
  return { host, port, socket, database, username, password, uri };
}
