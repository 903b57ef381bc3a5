import { HostError } from '#runtime/base/errors.ts';
import { groupsOf } from './groups.ts';
import { factsOf, lookAtDatabase } from './look.ts';
import type { Ask } from './session.ts';
import { endSessions } from './sessions.ts';
import { list, literal, name as quoted, shipped, sql, together, type Sql } from './sql.ts';

interface Taken {
  /** Of the database. */
  readonly name: string;
  /** `ownerId` of whoever takes it over. */
  readonly owner: string;
}

/** How a database was when it was closed to be taken over. */
interface Before {
  readonly owner: string;
  readonly connections: number;
  readonly isTemplate: boolean;
  readonly grants: readonly string[];
}

/** What has to be known again if an agent dies before all in the database is its new owners'. */
const notes = sql`CREATE TABLE IF NOT EXISTS wcp360.adoptions (name text PRIMARY KEY, before jsonb NOT NULL)`;

/**
 * Closes a database of others to all who used it but superusers, and marks it as its new owner's. `check` looks inside twice: before anything is done to it, and
 * once nobody can prepare anything in there. Where it objects then, whoever had it has it again.
 */
export async function closeOthers(ask: Ask, taken: Taken, check: () => Promise<void>): Promise<void> {
  await check();
  const [database, name] = [quoted(taken.name), literal(taken.name)];
  const [row] = await ask(sql`SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = ${name}`);
  await ask(notes);
  // At once: what is closed is marked, and how it was is noted. From here on nobody hands out rights on it but those who may by a grant.
  await ask(
    together([
      sql`INSERT INTO wcp360.adoptions SELECT datname, jsonb_build_object('owner', ${literal(String(row?.['owner']))},
        'connections', datconnlimit, 'isTemplate', datistemplate, 'grants', '[]'::jsonb) FROM pg_database WHERE datname = ${name}
        ON CONFLICT (name) DO UPDATE SET before = excluded.before`,
      sql`ALTER DATABASE ${database} OWNER TO CURRENT_USER`,
      sql`ALTER DATABASE ${database} CONNECTION LIMIT 0`,
      sql`UPDATE wcp360.adoptions SET before = before || jsonb_build_object('grants', (${grantsOn(taken.name)})) WHERE name = ${name}`,
      sql`INSERT INTO wcp360.marks (kind, name, owner, database)
        SELECT 'database', datname, ${literal(taken.owner)}, oid FROM pg_database WHERE datname = ${name}`,
    ]),
  );
  await shutOut(ask, taken.name, check);
}

/** As `closeOthers`, of one that was closed by an agent that died. */
export async function shutOut(ask: Ask, database: string, check: () => Promise<void>): Promise<void> {
  try {
    // What those who may by a grant hand out goes with theirs.
    const grants = factsOf(await lookAtDatabase(ask, database))?.grants ?? [];
    const grantees = new Set(['', ...grants.map((grant) => partsOf(grant).grantee)]);
    await ask(sql`REVOKE ALL ON DATABASE ${quoted(database)} FROM ${list([...grantees].map(roleOf))} CASCADE`);
    await endSessions(ask, sql`datname = ${literal(database)}`);
    await check();
  } catch (err) {
    await giveBack(ask, database);
    throw err;
  }
}

/** Whether it is noted how a database was before it was closed to be taken over. */
export async function isBeingAdopted(ask: Ask, database: string): Promise<boolean> {
  return (await beforeOf(ask, database)) !== undefined;
}

/** Once all in it is its owners'. */
export async function forgetBefore(ask: Ask, database: string): Promise<void> {
  if (await isBeingAdopted(ask, database))
    await ask(sql`DELETE FROM wcp360.adoptions WHERE name = ${literal(database)}`);
}

/** Whoever had a database has it again, as it was; it is not ours. HostError where that cannot be. */
export async function giveBack(ask: Ask, name: string): Promise<void> {
  const before = await beforeOf(ask, name);
  if (before === undefined) return;
  const { owner, connections, isTemplate, grants } = before;
  const database = quoted(name);
  const groups = list(groupsOf(name).map(quoted));
  const statements = [
    sql`DROP ROLE IF EXISTS ${groups}`,
    ...grants.map((grant) => grantAgain(name, grant)),
    sql`ALTER DATABASE ${database} OWNER TO ${quoted(owner)}`,
    sql`ALTER DATABASE ${database} WITH CONNECTION LIMIT ${connections} IS_TEMPLATE ${isTemplate ? sql`true` : sql`false`}`,
    sql`DELETE FROM wcp360.adoptions WHERE name = ${literal(name)}`,
    sql`DELETE FROM wcp360.marks WHERE kind = 'database' AND name = ${literal(name)}`,
  ];
  await ask(together(statements)).catch((cause: unknown) => {
    const message = `database ${name} cannot be adopted, could not be given back to ${owner}, and stays closed`;
    throw new HostError(message, {}, { cause });
  });
}

async function beforeOf(ask: Ask, name: string): Promise<Before | undefined> {
  const [table] = await ask(sql`SELECT to_regclass('wcp360.adoptions') IS NOT NULL AS "isThere"`);
  if (table?.['isThere'] !== true) return undefined;
  const [row] = await ask(sql`SELECT before FROM wcp360.adoptions WHERE name = ${literal(name)}`);
  return row?.['before'] as Before | undefined;
}

/** Those of others than its owner, as `look.ts` writes them. */
function grantsOn(database: string): Sql {
  return sql`SELECT coalesce(jsonb_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END || ' ' || coalesce(g.rolname, '')), '[]')
    FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a LEFT JOIN pg_authid g ON g.oid = a.grantee
    WHERE d.datname = ${literal(database)} AND a.grantee <> d.datdba`;
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
