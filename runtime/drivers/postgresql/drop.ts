import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import { removeDump, type ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { change, inside } from './administration.ts';
import { giveBack } from './close-others.ts';
import { groupsOf } from './groups.ts';
import { lookAtDatabase, lookAtLogin } from './look.ts';
import type { Ask } from './session.ts';
import { endSessions } from './sessions.ts';
import { list, literal, name as quoted, sql, together, type Sql } from './sql.ts';
import { isUnfinished } from './take-over.ts';

interface Place {
  readonly host: ServerHost;
  readonly signal: AbortSignal;
}

interface Unwanted {
  readonly name: string;
  readonly owner: string;
}

/** Nothing when it is not there, or somebody else's by now; what was not taken over in whole is given back to whoever had it. */
export async function dropDatabase(
  { name, owner }: Unwanted,
  { host }: DatabasesWorld,
  signal: AbortSignal,
): Promise<void> {
  await change(host, signal, async (ask) => {
    const found = await lookAtDatabase(ask, name);
    if (found?.owner !== owner) return;
    if (await isUnfinished(found, { host, ask, signal })) return await giveBack(ask, name);
    await ask(sql`UPDATE wcp360.marks SET mark = NULL WHERE kind = 'database' AND name = ${literal(name)}`);
    await takeAway(ask, name, { host, signal });
    await removeDump(host, 'postgresql', name, signal);
    await ask(unmark('database', name));
  });
}

/** A database with its groups, in whatever state that is; for whoever may `change`. */
export async function takeAway(ask: Ask, name: string, place: Place): Promise<void> {
  const [found] = await ask(sql`SELECT FROM pg_database WHERE datname = ${literal(name)}`);
  if (found !== undefined) {
    await ask(sql`ALTER DATABASE ${quoted(name)} WITH CONNECTION LIMIT 0 IS_TEMPLATE false`);
    await ask(sql`DROP DATABASE ${quoted(name)} WITH (FORCE)`);
  }
  const groups = groupsOf(name);
  await letGo(ask, groups, place);
  await ask(sql`DROP ROLE IF EXISTS ${list(groups.map(quoted))}`);
}

/** As `dropDatabase`. What it made in databases stays there, with their owners. */
export async function dropLogin(
  { name, owner }: Unwanted,
  { host }: DatabasesWorld,
  signal: AbortSignal,
): Promise<void> {
  await change(host, signal, async (ask) => {
    const found = await lookAtLogin(ask, name);
    if (found?.owner !== owner) return;
    if (found.facts !== null) {
      await ask(sql`ALTER ROLE ${quoted(name)} NOLOGIN`);
      await endSessions(ask, sql`usename = ${literal(name)}`);
      await letGo(ask, [name], { host, signal });
    }
    await ask(together([sql`DROP ROLE IF EXISTS ${quoted(name)}`, unmark('login', name)]));
  });
}

function unmark(kind: 'database' | 'login', name: string): Sql {
  return sql`DELETE FROM wcp360.marks WHERE kind = ${literal(kind)} AND name = ${literal(name)}`;
}

/** A role goes only when nothing in any database names it. */
export async function letGo(ask: Ask, roles: readonly string[], { host, signal }: Place): Promise<void> {
  const rows = await ask(sql`SELECT DISTINCT d.datname::text AS database, r.rolname::text AS role,
      CASE WHEN to_regrole(quote_ident(d.datname || ':owner')) IS NOT NULL THEN d.datname || ':owner' ELSE current_user END AS heir
    FROM pg_shdepend s JOIN pg_authid r ON r.oid = s.refobjid JOIN pg_database d ON d.oid = s.dbid
    WHERE s.refclassid = 'pg_authid'::regclass AND d.datallowconn AND r.rolname IN (${list(roles.map(literal))})`);
  for (const { database, role, heir } of rows) {
    const [gone, keeper] = [quoted(String(role)), quoted(String(heir))];
    await inside({ host, database: String(database), signal }, ask, async (askInside) => {
      await askInside(together([sql`REASSIGN OWNED BY ${gone} TO ${keeper}`, sql`DROP OWNED BY ${gone} CASCADE`]));
    });
  }
}
