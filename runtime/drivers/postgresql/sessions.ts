import { HostError } from '#runtime/base/errors.ts';
import type { Ask } from './session.ts';
import { sql, type Sql } from './sql.ts';

/** Ends sessions of tenants, and returns once they are gone. */
export async function endSessions(ask: Ask, condition: Sql): Promise<void> {
  const [row] = await ask(sql`SELECT count(*) FILTER (WHERE NOT pg_terminate_backend(pid, 10000)) = 0 AS "areGone"
    FROM pg_stat_activity WHERE usename <> current_user AND ${condition}`);
  if (row?.['areGone'] !== true) throw new HostError('a session of PostgreSQL that was told to end did not');
}
