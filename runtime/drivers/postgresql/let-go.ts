import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { inside } from './administration.ts';
import { copyEnd } from './groups.ts';
import type { Ask } from './session.ts';
import { list, literal, name as quoted, sql, together } from './sql.ts';

export interface Place {
  readonly host: ServerHost;
  readonly signal: AbortSignal;
}

/**
 * A role goes only when nothing in any database names it. In a database of ours its owners have what it made; elsewhere that goes with it, since nobody is left who may
 * as little: what runs as who made it would run as another one. HostError where a tenant holds what names it for longer than `patienceMs`; as long as sessions of ours
 * wait, unless given.
 */
export async function letGo(
  ask: Ask,
  roles: readonly string[],
  { host, signal, patienceMs }: Place & { readonly patienceMs?: number },
): Promise<void> {
  const rows =
    await ask(sql`SELECT DISTINCT d.datname::text AS database, r.rolname::text AS role, h.rolname::text AS heir
    FROM pg_shdepend s JOIN pg_authid r ON r.oid = s.refobjid JOIN pg_database d ON d.oid = s.dbid
      LEFT JOIN pg_authid h ON h.rolname = (d.datname || ':owner')::name AND ${isOurs}
    WHERE s.refclassid = 'pg_authid'::regclass AND d.datallowconn AND r.rolname IN (${list(roles.map(literal))})`);
  const bound = patienceMs === undefined ? [] : [sql`SET lock_timeout = ${patienceMs}`];
  for (const { database, role, heir } of rows) {
    const gone = quoted(String(role));
    const bequest = typeof heir === 'string' ? [sql`REASSIGN OWNED BY ${gone} TO ${quoted(heir)}`] : [];
    await inside({ host, database: String(database), signal }, ask, async (askInside) => {
      for (const statement of bound) await askInside(statement);
      await askInside(together([...bequest, sql`DROP OWNED BY ${gone} CASCADE`]));
    });
  }
}

/** A database under our marks, or a copy of one that is being filled: the group under its name is one of ours, too. */
const isOurs = sql`EXISTS (SELECT FROM wcp360.marks m WHERE m.kind = 'database'
  AND m.name = regexp_replace(d.datname::text, ${literal(`${copyEnd}$`)}, '')
  AND (m.name <> d.datname::text OR m.database IS NULL OR m.database = d.oid))`;
