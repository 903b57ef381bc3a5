import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { inside } from './administration.ts';
import type { Ask } from './session.ts';
import { list, literal, name as quoted, sql, together } from './sql.ts';

export interface Place {
  readonly host: ServerHost;
  readonly signal: AbortSignal;
}

/**
 * A role goes only when nothing in any database names it. HostError where a tenant holds what does for longer than `patienceMs`; as long as sessions of ours wait,
 * unless given.
 */
export async function letGo(
  ask: Ask,
  roles: readonly string[],
  { host, signal, patienceMs }: Place & { readonly patienceMs?: number },
): Promise<void> {
  const rows = await ask(sql`SELECT DISTINCT d.datname::text AS database, r.rolname::text AS role,
      CASE WHEN to_regrole(quote_ident(d.datname || ':owner')) IS NOT NULL THEN d.datname || ':owner' ELSE current_user END AS heir
    FROM pg_shdepend s JOIN pg_authid r ON r.oid = s.refobjid JOIN pg_database d ON d.oid = s.dbid
    WHERE s.refclassid = 'pg_authid'::regclass AND d.datallowconn AND r.rolname IN (${list(roles.map(literal))})`);
  const bound = patienceMs === undefined ? [] : [sql`SET lock_timeout = ${patienceMs}`];
  for (const { database, role, heir } of rows) {
    const [gone, keeper] = [quoted(String(role)), quoted(String(heir))];
    await inside({ host, database: String(database), signal }, ask, async (askInside) => {
      for (const statement of bound) await askInside(statement);
      await askInside(together([sql`REASSIGN OWNED BY ${gone} TO ${keeper}`, sql`DROP OWNED BY ${gone} CASCADE`]));
    });
  }
}
