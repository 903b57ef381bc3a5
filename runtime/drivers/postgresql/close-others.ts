import { HostError } from '#runtime/base/errors.ts';
import { factsOf, lookAtDatabase } from './look.ts';
import type { Ask } from './session.ts';
import { endSessions } from './sessions.ts';
import { list, literal, name as quoted, shipped, sql, together, type Sql } from './sql.ts';

/** Who had a database, and how many sessions it lets in. */
interface Before {
  readonly owner: string;
  readonly connections: number;
}

/**
 * Closes a database of others to all who used it but superusers. `check` looks inside twice: before anything is done to it, and once nobody can prepare
 * anything in there. Where it objects then, whoever had it has it again.
 */
export async function closeOthers(ask: Ask, database: string, check: () => Promise<void>): Promise<void> {
  await check();
  const [row] = await ask(sql`SELECT pg_get_userbyid(datdba) AS owner, datconnlimit AS connections
    FROM pg_database WHERE datname = ${literal(database)}`);
  const before = row as unknown as Before;
  await ask(
    together([
      sql`ALTER DATABASE ${quoted(database)} OWNER TO CURRENT_USER`,
      sql`ALTER DATABASE ${quoted(database)} CONNECTION LIMIT 0`,
    ]),
  );
  // From here on nobody hands out rights on it but those who may by a grant, and what they hand out goes with theirs.
  const grants = factsOf(await lookAtDatabase(ask, database))?.grants ?? [];
  try {
    const grantees = new Set(['', ...grants.map((grant) => partsOf(grant).grantee)]);
    await ask(sql`REVOKE ALL ON DATABASE ${quoted(database)} FROM ${list([...grantees].map(roleOf))} CASCADE`);
    await endSessions(ask, sql`datname = ${literal(database)}`);
    await check();
  } catch (err) {
    await giveBack(ask, database, { ...before, grants });
    throw err;
  }
}

async function giveBack(
  ask: Ask,
  database: string,
  { owner, connections, grants }: Before & { readonly grants: readonly string[] },
): Promise<void> {
  const statements = [
    ...grants.map((grant) => grantAgain(database, grant)),
    sql`ALTER DATABASE ${quoted(database)} OWNER TO ${quoted(owner)}`,
    sql`ALTER DATABASE ${quoted(database)} CONNECTION LIMIT ${connections}`,
  ];
  await ask(together(statements)).catch((cause: unknown) => {
    const message = `database ${database} cannot be adopted, could not be given back to ${owner}, and stays closed`;
    throw new HostError(message, {}, { cause });
  });
}

function grantAgain(database: string, grant: string): Sql {
  const { right, isGrantable, grantee } = partsOf(grant);
  const option = isGrantable ? sql` WITH GRANT OPTION` : sql``;
  return sql`GRANT ${shipped(right)} ON DATABASE ${quoted(database)} TO ${roleOf(grantee)}${option}`;
}

/** Of `CONNECT* somebody`; the right is a word of the server's. */
function partsOf(grant: string): { readonly right: string; readonly isGrantable: boolean; readonly grantee: string } {
  const space = grant.indexOf(' ');
  const word = grant.slice(0, space);
  return { right: word.replace('*', ''), isGrantable: word.endsWith('*'), grantee: grant.slice(space + 1) };
}

/** Nobody's name stands for everybody. */
function roleOf(grantee: string): Sql {
  return grantee === '' ? sql`PUBLIC` : quoted(grantee);
}
