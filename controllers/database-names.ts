import { createHash } from 'node:crypto';
import type { Database } from '#schemas/v1alpha1/database.ts';
import { dumpPath } from '#runtime/drivers/databases/model.ts';

/** Which kind of server. */
export type Engine = Database['spec']['engine'];

export const ENGINES: readonly Engine[] = ['PostgreSQL', 'MariaDB'];

/**
 * What a Database is called on its server: it follows from the object's name, so that a store that is made anew finds what is there. Whoever may list the server's databases
 * reads nothing in it, and can try names that they guess.
 */
export function databaseNameOf(namespace: string, name: string): string {
  return `d_${digestOf('Database', namespace, name)}`;
}

/** The same, of one that it takes over. */
export function nameOnServer({
  metadata: { namespace = '', name },
  spec,
}: Pick<Database, 'metadata' | 'spec'>): string {
  return spec.adopt?.databaseName ?? databaseNameOf(namespace, name);
}

/** Which of the two that a DatabaseUser has in turn. */
export type LoginTurn = 'First' | 'Second';

/** What a DatabaseUser is called there. A login of PostgreSQL has one password, so that there are two logins while there are two of these. */
export function usernameOf(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  engine: Engine,
  turn: LoginTurn,
): string {
  const username = `u_${digestOf('DatabaseUser', namespace, name)}`;
  return engine === 'PostgreSQL' && turn === 'Second' ? `${username}_2` : username;
}

function digestOf(...words: readonly string[]): string {
  return createHash('sha256').update(words.join('/')).digest('hex').slice(0, 20);
}

const directories: Readonly<Record<Engine, string>> = { PostgreSQL: 'postgresql', MariaDB: 'mariadb' };

/** The file that a database becomes, below the root of its host: on the server that this keeps for itself, or elsewhere. */
export function dumpPathOf(
  { engine, elsewhere = '' }: { readonly engine: Engine; readonly elsewhere?: string },
  databaseName: string,
): string {
  return dumpPath(directories[engine], elsewhere, databaseName);
}

/** The directory of a server's sockets on a host with this root. */
export function socketDirectoryOf(engine: Engine, root: string): string {
  return `${root}/databases/${directories[engine]}/run`;
}

/** Those of all servers that a host may keep for itself. */
export function socketDirectoriesOf(root: string): readonly string[] {
  return ENGINES.map((engine) => socketDirectoryOf(engine, root));
}

interface ServerSocket {
  readonly socketDirectory: string;
  readonly socketFile: string;
}

const debianSockets: Readonly<Record<Engine, ServerSocket>> = {
  PostgreSQL: { socketDirectory: '/run/postgresql', socketFile: '.s.PGSQL.5432' },
  MariaDB: { socketDirectory: '/run/mysqld', socketFile: 'mysqld.sock' },
};

/** Where the server of Debian's own package listens. */
export function debianServerOf(engine: Engine): ServerSocket {
  return debianSockets[engine];
}
