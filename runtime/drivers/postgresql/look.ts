import { groupsOf, networkRole } from './groups.ts';
import type { DatabaseFacts, DatabaseMark, LoginFacts, LoginMark } from './mark.ts';
import type { Ask } from './session.ts';
import { list, literal, sql, type Sql } from './sql.ts';

/** Something on the server, or something of ours that should be there. */
export interface Seen<Facts, Mark> {
  readonly name: string;
  /** `ownerId`; `null`: it is not ours. */
  readonly owner: string | null;
  /** `null`: it is being put. */
  readonly mark: Mark | null;
  /** `null`: the server does not have it. */
  readonly facts: Facts | null;
}

export type SeenDatabase = Seen<DatabaseFacts, DatabaseMark>;
export type SeenLogin = Seen<LoginFacts, LoginMark>;

/** What the server has of it. */
export function factsOf<Facts>(found: Seen<Facts, unknown> | undefined): Facts | undefined {
  return found?.facts ?? undefined;
}

/** Whether it is let in from anywhere but by the socket. */
export function comesFromNetworks(found: SeenLogin | undefined): boolean {
  return factsOf(found)?.groups.some((group) => group.startsWith(networkRole)) === true;
}

/** All databases, by one statement. */
export async function lookAtDatabases(ask: Ask): Promise<readonly SeenDatabase[]> {
  return (await ask(databases(sql``, sql``))) as unknown as readonly SeenDatabase[];
}

export async function lookAtDatabase(ask: Ask, name: string): Promise<SeenDatabase | undefined> {
  const rows = await ask(databases(sql` AND datname = ${literal(name)}`, sql` AND name = ${literal(name)}`));
  return rows[0] as unknown as SeenDatabase | undefined;
}

/** All roles but groups, by one statement. */
export async function lookAtLogins(ask: Ask): Promise<readonly SeenLogin[]> {
  return (await ask(logins(sql``, sql``))) as unknown as readonly SeenLogin[];
}

export async function lookAtLogin(ask: Ask, name: string): Promise<SeenLogin | undefined> {
  const rows = await ask(logins(sql` AND rolname = ${literal(name)}`, sql` AND name = ${literal(name)}`));
  return rows[0] as unknown as SeenLogin | undefined;
}

/** Groups of these databases that the server has, and which roles each is a member of. */
export async function lookAtGroups(
  ask: Ask,
  databases: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (databases.length === 0) return new Map();
  const rows = await ask(sql`SELECT r.rolname AS name,
      ARRAY(SELECT g.rolname::text FROM pg_auth_members a JOIN pg_authid g ON g.oid = a.roleid WHERE a.member = r.oid) AS others
    FROM pg_authid r WHERE r.rolname IN (${list(databases.flatMap(groupsOf).map(literal))})`);
  return new Map(rows.map(({ name, others }) => [String(name), others as readonly string[]]));
}

const isPlain = sql`NOT (r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls) AND r.rolinherit`;

/** Each may be as long as anybody likes who sets it for itself: beyond what ours are together, it matters only that there is something else. */
const parametersIn = sql`unnest(CASE WHEN length(array_to_string(s.setconfig, '')) < 10000 THEN s.setconfig ELSE ARRAY['too long'] END)`;

/** A database under the name of ours that is another one is not ours. Each side is narrowed by itself: a condition on both together has no index. */
function databases(present: Sql, marked: Sql): Sql {
  return sql`SELECT coalesce(d.datname::text, m.name) AS name,
    CASE WHEN d.oid IS NULL OR m.database IS NULL OR m.database = d.oid THEN m.owner END AS owner, m.mark,
    CASE WHEN d.oid IS NOT NULL THEN json_build_object(
      'isHeld', pg_get_userbyid(d.datdba) = current_user, 'encoding', pg_encoding_to_char(d.encoding),
      'collation', d.datcollate, 'characters', d.datctype,
      'isConnectable', d.datallowconn, 'isTemplate', d.datistemplate, 'connections', d.datconnlimit,
      'grants', ARRAY(SELECT a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END || ' ' || coalesce((SELECT g.rolname FROM pg_authid g WHERE g.oid = a.grantee), '')
        FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee <> d.datdba ORDER BY 1),
      'parameters', ARRAY(SELECT ${parametersIn} FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole = 0 ORDER BY 1),
      'extensions', shobj_description(d.oid, 'pg_database'),
      'groups', ARRAY(SELECT r.rolname FROM pg_authid r
        WHERE r.rolname = ANY (ARRAY[d.datname || ':owner', d.datname || ':readwrite', d.datname || ':readonly', d.datname || ':insert',
            d.datname || ':update', d.datname || ':delete']::name[]) AND ${isPlain}
          AND NOT r.rolcanlogin AND NOT EXISTS (SELECT FROM pg_auth_members a WHERE a.member = r.oid) ORDER BY 1)
    ) END AS facts
    FROM (SELECT * FROM pg_database WHERE true${present}) d
    FULL JOIN (SELECT * FROM wcp360.marks WHERE kind = 'database'${marked}) m ON m.name = d.datname::text`;
}

/** As `databases`. */
function logins(present: Sql, marked: Sql): Sql {
  return sql`SELECT coalesce(r.rolname::text, m.name) AS name, m.owner, m.mark,
    CASE WHEN r.oid IS NOT NULL THEN json_build_object(
      'isPlain', ${isPlain} AND coalesce(r.rolvaliduntil, 'infinity') = 'infinity', 'canLogin', r.rolcanlogin, 'connections', r.rolconnlimit,
      'groups', ARRAY(SELECT g.rolname || CASE WHEN a.admin_option THEN '*' ELSE '' END
        FROM pg_auth_members a JOIN pg_authid g ON g.oid = a.roleid WHERE a.member = r.oid ORDER BY 1),
      'members', ARRAY(SELECT g.rolname FROM pg_auth_members a JOIN pg_authid g ON g.oid = a.member WHERE a.roleid = r.oid ORDER BY 1),
      'parameters', ARRAY(SELECT coalesce(d.datname, '') || ': ' || ${parametersIn}
        FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase WHERE s.setrole = r.oid ORDER BY 1),
      'digest', encode(sha256(convert_to(r.rolpassword, 'UTF8')), 'hex')
    ) END AS facts
    FROM (SELECT * FROM pg_authid WHERE rolname NOT LIKE '%:%'${present}) r
    FULL JOIN (SELECT * FROM wcp360.marks WHERE kind = 'login'${marked}) m ON m.name = r.rolname::text`;
}
