import { HostError } from '#runtime/base/errors.ts';
import { bringAdmissions } from './admissions.ts';
import { letGo, type Place } from './let-go.ts';
import type { Ask } from './session.ts';
import { list, literal, name as quoted, sql, together } from './sql.ts';

/** Others wait meanwhile. */
const patienceMs = 200;

/** Has no roles of networks from which nobody may come, once the server knows of them no more; for whoever may `change`. */
export async function forgetNetworks(ask: Ask, { host, signal }: Place): Promise<void> {
  if (!(await bringAdmissions(host, ask, signal))) return;
  const idle = await idleRoles(ask);
  if (idle.length === 0) return;
  // A tenant may give such a role rights, and keep busy what it gave them on: another time, then.
  await letGo(ask, idle, { host, signal, patienceMs }).catch((err: unknown) => {
    signal.throwIfAborted();
    if (!(err instanceof HostError)) throw err;
  });
  const free = await idleRoles(ask, true);
  if (free.length === 0) return;
  await ask(
    together([
      sql`DROP ROLE IF EXISTS ${list(free.map(quoted))}`,
      sql`DELETE FROM wcp360.networks WHERE role IN (${list(free.map(literal))})`,
    ]),
  );
}

/** Without members, and, where that is asked, without anything that names them; those that somebody dropped, too. */
async function idleRoles(ask: Ask, areFree = false): Promise<readonly string[]> {
  const names = sql`SELECT FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid`;
  const rows = await ask(sql`SELECT n.role FROM wcp360.networks n LEFT JOIN pg_roles r ON r.rolname = n.role
    WHERE NOT EXISTS (SELECT FROM pg_auth_members a WHERE a.roleid = r.oid)${areFree ? sql` AND NOT EXISTS (${names})` : sql``}`);
  return rows.map(({ role }) => String(role));
}
