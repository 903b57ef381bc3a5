import type { Engine } from '#controllers/database-names.ts';

/** What a Secret says of a connection, with the password by where it is. */
export interface Connection {
  readonly engine: Engine;
  readonly socketDirectory: string;
  readonly database: string;
  readonly username: string;
  readonly passwordSecret: string;
  readonly passwordId: string;
}

/** What a library is told. */
interface Login {
  readonly socketDirectory: string;
  readonly socket: string;
  readonly port: string;
  readonly database: string;
  readonly username: string;
  readonly password: string;
}

/** How libraries of an engine are told to come by the socket. */
interface Words {
  readonly port: string;
  /** What the server calls its socket. */
  readonly socket: string;
  readonly host: (login: Login) => string;
  readonly uri: (login: Login) => string;
  /** As JDBC drivers read it; sockets need a library beside them (docs/guides/databases.md). */
  readonly jdbcUri: (login: Login) => string;
}

const words: Readonly<Record<Engine, Words>> = {
  PostgreSQL: {
    port: '5432',
    socket: '.s.PGSQL.5432',
    host: ({ socketDirectory }) => socketDirectory,
    uri: ({ socketDirectory, port, database, ...who }) =>
      `postgresql://${userInfo(who)}@/${database}?host=${encodeURIComponent(socketDirectory)}&port=${port}`,
    jdbcUri: ({ socket, database, username, password }) => {
      const factory = 'org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg';
      const options = { socketFactory: factory, socketFactoryArg: socket, user: username, password };
      const parts = Object.entries(options).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
      return `jdbc:postgresql://localhost/${database}?${parts.join('&')}`;
    },
  },
  MariaDB: {
    port: '3306',
    socket: 'mariadb.sock',
    host: () => 'localhost',
    uri: ({ socket, database, ...who }) =>
      `mysql://${userInfo(who)}@localhost/${database}?socket=${encodeURIComponent(socket)}`,
    jdbcUri: ({ socket, database, username, password }) => {
      // Its driver takes values as they stand, and has no way to write an ampersand in one.
      const word = password.includes('&') ? '' : `&password=${password}`;
      return `jdbc:mariadb://localhost/${database}?localSocket=${socket}&sslMode=disable&user=${username}${word}`;
    },
  },
};

function userInfo({ username, password }: Pick<Login, 'username' | 'password'>): string {
  return `${username}:${encodeURIComponent(password)}`;
}

/**
 * The values of the Secret, under the names that the ecosystem has for them. `host` is what a library takes to come by the socket: the directory of PostgreSQL's,
 * and `localhost` of MariaDB's.
 */
export function secretValuesOf(
  { engine, socketDirectory, database, username }: Connection,
  password: string,
): Readonly<Record<string, string>> {
  const { port, socket: file, host, uri, jdbcUri } = words[engine];
  const socket = `${socketDirectory}/${file}`;
  const login = { socketDirectory, socket, port, database, username, password };
  return { host: host(login), port, socket, database, username, password, uri: uri(login), 'jdbc-uri': jdbcUri(login) };
}
