import type { Engine } from '#controllers/database-names.ts';

/** What a Secret says of a connection, with the password by where it is. */
export interface Connection {
  readonly engine: Engine;
  /** By the socket in a directory, */
  readonly socketDirectory?: string;
  /** and under which name where that is not the usual one; */
  readonly socketFile?: string;
  /** or over the network, */
  readonly host?: string;
  readonly port?: string;
  /** from a server that is known by these certificates. */
  readonly authorities?: string;
  readonly database: string;
  readonly username: string;
  readonly passwordNamespace: string;
  readonly passwordSecret: string;
  readonly passwordId: string;
}

interface Credentials {
  readonly port: string;
  readonly database: string;
  readonly username: string;
  readonly password: string;
}

/** What a library is told that comes by a socket. */
interface Login extends Credentials {
  readonly socketDirectory: string;
  readonly socket: string;
}

/** What one is told that comes over the network. */
interface RemoteLogin extends Credentials {
  readonly host: string;
}

/** How libraries of an engine are told where the server is. */
interface Words {
  readonly port: string;
  /** What the server calls its socket. */
  readonly socket: string;
  readonly remoteUri: (login: RemoteLogin) => string;
  readonly remoteJdbcUri: (login: RemoteLogin) => string;
  readonly host: (login: Login) => string;
  readonly uri: (login: Login) => string;
  /** As JDBC drivers read it; sockets need a library beside them (docs/databases.md). */
  readonly jdbcUri: (login: Login) => string;
}

const words: Readonly<Record<Engine, Words>> = {
  PostgreSQL: {
    port: '5432',
    socket: '.s.PGSQL.5432',
    remoteUri: ({ host, port, database, ...who }) =>
      `postgresql://${userInfo(who)}@${inUrl(host)}:${port}/${database}?sslmode=require`,
    remoteJdbcUri: ({ host, port, database, username, password }) => {
      const options = `user=${username}&password=${encodeURIComponent(password)}&sslmode=require`;
      return `jdbc:postgresql://${inUrl(host)}:${port}/${database}?${options}`;
    },
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
    remoteUri: ({ host, port, database, ...who }) => `mysql://${userInfo(who)}@${inUrl(host)}:${port}/${database}`,
    remoteJdbcUri: ({ host, port, database, username, password }) => {
      const word = password.includes('&') ? '' : `&password=${password}`;
      return `jdbc:mariadb://${inUrl(host)}:${port}/${database}?sslMode=trust&user=${username}${word}`;
    },
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

function remoteValuesOf(
  { engine, host, port = words[engine].port, authorities, database, username }: Connection & { readonly host: string },
  password: string,
): Readonly<Record<string, string>> {
  const login = { host, port, database, username, password };
  const { remoteUri, remoteJdbcUri } = words[engine];
  const certificates = authorities === undefined ? {} : { 'ca.crt': authorities };
  return { ...login, uri: remoteUri(login), 'jdbc-uri': remoteJdbcUri(login), ...certificates };
}

/** An address of IPv6 stands in brackets. */
function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function userInfo({ username, password }: Pick<Login, 'username' | 'password'>): string {
  return `${username}:${encodeURIComponent(password)}`;
}

/**
 * The values of the Secret, under the names that the ecosystem has for them. `host` is what a library takes to come by the socket: the directory of PostgreSQL's,
 * and `localhost` of MariaDB's; the server itself where that is elsewhere, which has no `socket`, and `ca.crt` if it is known by that.
 */
export function secretValuesOf(connection: Connection, password: string): Readonly<Record<string, string>> {
  const { engine, socketDirectory = '', socketFile, database, username } = connection;
  const { port, socket: usualFile, host, uri, jdbcUri } = words[engine];
  if (connection.host !== undefined) return remoteValuesOf({ ...connection, host: connection.host }, password);
  const socket = `${socketDirectory}/${socketFile ?? usualFile}`;
  const login = { socketDirectory, socket, port, database, username, password };
  return { host: host(login), port, socket, database, username, password, uri: uri(login), 'jdbc-uri': jdbcUri(login) };
}
