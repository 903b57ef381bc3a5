import { createHash } from 'node:crypto';
import type { Database } from '#schemas/v1alpha1/database.ts';

/** Which kind of server. */
export type Engine = Database['spec']['engine'];

export const ENGINES: readonly Engine[] = ['PostgreSQL', 'MariaDB'];

/**
 * What a Database is called on its server: it follows from the object's name, so that a store that is made anew finds what is there, and tells whoever may list the
 * server's databases nothing.
 */
export function databaseNameOf(namespace: string, name: string): string {
  return `d_${digestOf('Database', namespace, name)}`;
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

/** The directory of a server's sockets on a host with this root. */
export function socketDirectoryOf(engine: Engine, root: string): string {
  return `${root}/databases/${directories[engine]}/run`;
}

/** Those of all servers that a host may have. */
export function socketDirectoriesOf(root: string): readonly string[] {
  return ENGINES.map((engine) => socketDirectoryOf(engine, root));
}
