import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import { serverOfDriver } from '#runtime/drivers/databases/model.ts';
import type { MeasuredDatabase } from '#runtime/drivers/databases/sizes.ts';
import { openAdministration } from './enter.ts';
import type { Row } from './session.ts';
import { list, literal, sql, type Sql } from './sql.ts';

/** After which a statement that set its own time is ended: one that has not is over by then. */
const graceMs = 5_000;

/** All databases of ours, by one statement; what every database has from its beginning does not count. */
export async function measureDatabases(
  world: DatabasesWorld,
  signal: AbortSignal,
): Promise<readonly MeasuredDatabase[]> {
  const rows = await askAside(
    world,
    sql`SELECT m.name, m.owner, greatest(pg_database_size(d.oid) - (SELECT pg_database_size('template0')), 0) AS bytes
    FROM wcp360.marks m JOIN pg_database d ON d.datname::text = m.name AND (m.database IS NULL OR m.database = d.oid)
    WHERE m.kind = 'database'`,
    signal,
  );
  return rows.map(({ name, owner, bytes }) => ({ name: String(name), owner: String(owner), bytes: Number(bytes) }));
}

/**
 * A session may set a time of its own for its statements: whoever takes more than the login has is put out, if this host looks after it. How many there
 * were.
 */
export async function endOverlong(world: DatabasesWorld, signal: AbortSignal): Promise<number> {
  const dumpers = world.patrol?.dumpers(serverOfDriver('postgresql', world.host.server)) ?? [];
  const found = await askAside(
    world,
    // What pg_dump asks of a table takes as long as that is large.
    sql`SELECT a.pid, a.query_start::text AS since, m.owner
    FROM pg_stat_activity a
    JOIN (SELECT name, owner, (mark->'settings'->'limits'->>'statementTimeoutMs')::bigint AS most FROM wcp360.marks WHERE kind = 'login') m
      ON m.name = a.usename::text AND m.most > 0
    WHERE a.wait_event_type IS DISTINCT FROM 'Client' AND a.backend_type = 'client backend' AND a.state IN ('active', 'fastpath function call')
      AND a.query_start < clock_timestamp() - (m.most + ${graceMs}) * interval '1 millisecond'
      AND NOT (a.query LIKE 'COPY %' AND a.usename::text IN (${list(['', ...dumpers].map(literal))}))`,
    signal,
  );
  const overlong = found.filter(({ owner }) => world.isServedHere?.(String(owner)) !== false);
  if (overlong.length === 0) return 0;
  const statements = overlong.map(({ pid, since }) => sql`(${Number(pid)}, ${literal(String(since))})`);
  const [row] = await askAside(
    world,
    sql`SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
    WHERE (pid, query_start::text) IN (${list(statements)})`,
    signal,
  );
  return Number(row?.['ended'] ?? 0);
}

/** On a session of its own: it takes its time, and nobody waits for it. */
async function askAside({ host }: DatabasesWorld, statement: Sql, signal: AbortSignal): Promise<readonly Row[]> {
  if (!(await host.hasServer(signal))) return [];
  const session = await openAdministration(host, signal);
  try {
    return await session.ask(statement, signal);
  } finally {
    session.close();
  }
}
