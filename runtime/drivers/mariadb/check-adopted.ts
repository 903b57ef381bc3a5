import { PostponedError, RefusedError } from '#runtime/base/errors.ts';
import { notThere } from '#runtime/drivers/databases/model.ts';
import type { Server } from './server.ts';

/** The server's own, and the one with our marks. */
const reserved: readonly string[] = ['information_schema', 'mysql', 'performance_schema', 'sys', 'wcp360-marks'];

/** What a database that somebody else made must be without, by one statement each, so that its new owners have it alone. */
const obstacles: readonly (readonly [words: string, statement: string])[] = [
  [
    'tables of another engine than InnoDB',
    `SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'VIEW' AND COALESCE(ENGINE, '') <> 'InnoDB' LIMIT 1`,
  ],
  // They run with the rights of who made them.
  ['views', 'SELECT 1 FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? LIMIT 1'],
  ['triggers', 'SELECT 1 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? LIMIT 1'],
  ['routines', 'SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? LIMIT 1'],
  ['events', 'SELECT 1 FROM mysql.event WHERE db = ? LIMIT 1'],
  [
    'foreign keys from or to another database',
    `SELECT 1 FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE ? IN (CONSTRAINT_SCHEMA, UNIQUE_CONSTRAINT_SCHEMA)
      AND CONSTRAINT_SCHEMA <> UNIQUE_CONSTRAINT_SCHEMA LIMIT 1`,
  ],
];

/** Where rights on a database stand, and which are on this one: those on whole databases are on all whose name is like theirs. */
const rights: readonly (readonly [table: string, isOn: string])[] = [
  ['db', '(? LIKE Db OR Db = ?)'],
  ['tables_priv', 'Db = ?'],
  ['columns_priv', 'Db = ?'],
  ['procs_priv', 'Db = ?'],
];

/** PostponedError `AdoptUnfit` for one that has something with which others would go on reaching it, or it others; RefusedError for the server's own. */
export async function checkAdopted(server: Server, name: string, isThere: boolean): Promise<void> {
  if (!isThere) throw notThere(name);
  if (reserved.includes(name)) throw new RefusedError('AdoptUnfit', `Database ${name} is the server's own.`);
  for (const [words, statement] of obstacles)
    if ((await server.ask(statement, [name])).length > 0)
      throw new PostponedError(
        'AdoptUnfit',
        `Database ${name} has ${words}: take them away, and make them anew once it is adopted.`,
      );
  const asked = rights.map(([table, isOn]) => `SELECT User, Host FROM mysql.${table} WHERE ${isOn}`).join(' UNION ');
  const [other] = await server.ask(
    `${asked} LIMIT 1`,
    Array.from({ length: asked.split('?').length - 1 }, () => name),
  );
  if (other === undefined) return;
  const who = `${String(other['User'])}@${String(other['Host'])}`;
  throw new PostponedError('AdoptUnfit', `${who} has rights on database ${name}: take them away first.`);
}
