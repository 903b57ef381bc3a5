import type { Test } from 'tap';
import { required } from '#runtime/base/errors.ts';
import type { DatabaseSession } from '#test/contracts/databases.ts';
import { databasesGround, other } from '#test/contracts/databases/ground.ts';
import { until } from './instance.ts';
import { lawsOf } from './postgresql-laws.ts';
import type { PostgresqlServer } from './postgresql.ts';

/** What tells of sessions and of databases as they are used: of views all, of functions those that ask by a number of a session, a database, or a command. */
const views = `SELECT 'SELECT * FROM ' || viewname FROM pg_views WHERE schemaname = 'pg_catalog' AND viewname ~ '^pg_(stat_|locks|prepared|cursors|backend|shmem)'`;
const functions = `SELECT format('SELECT * FROM %s a, LATERAL (SELECT %s(a)) f', CASE proargtypes[0]
    WHEN 'integer'::regtype THEN 'generate_series(1, 200)' WHEN 'oid'::regtype THEN 'unnest(ARRAY[$oid::oid])'
    ELSE $$unnest(ARRAY['VACUUM', 'ANALYZE', 'CLUSTER', 'CREATE INDEX', 'BASEBACKUP', 'COPY'])$$ END, proname)
  FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^pg_stat_get_(backend|db|progress)_' AND pronargs = 1`;

/** A tenant does not see that another one is there, and what it does. */
export async function sessionsLaw(t: Test, server: PostgresqlServer): Promise<void> {
  const { go, state, settings, login, clear } = databasesGround(lawsOf(server));
  await go(state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]));
  await go(state({ d_two: settings() }, [login('u_two', 'b', { d_two: 'Owner' })]), other);
  const busy = await server.login('u_two', 'b', 'd_two');
  const [[pid, database, role] = []] = await busy.query(
    `SELECT pg_backend_pid(), (SELECT oid FROM pg_database WHERE datname = current_database()), 'u_two'::regrole::oid`,
  );
  await busy.query('CREATE TABLE t AS SELECT 1 AS n');
  await busy.query(
    'CREATE FUNCTION slow(n integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN n; END $$',
  );
  const working = busy.query('CREATE INDEX ON t (slow(n))').catch(() => undefined);
  const admin = await server.admin('d_one');
  await until(async () => (await admin.query('SELECT FROM pg_stat_progress_create_index')).length > 0, 'an index');
  const peeks = [...(await admin.query(views)), ...(await admin.query(functions))].map(([peek]) =>
    required(peek, 'a statement').replace('$oid', database ?? ''),
  );
  const traces = new RegExp(`[",(](${[pid, database, role].join('|')}|[du]_two)[",)]`);
  /** What of an answer is of the other one; a number of a database that is asked for is in it, and what is told of that is. */
  const shows = async (session: DatabaseSession, peek: string): Promise<boolean> => {
    const rows = await session.query(peek).catch(() => []);
    return /_db_/.test(peek) ? rows.some(([, told]) => told !== null) : traces.test(JSON.stringify(rows));
  };
  const tenant = await server.login('u_one', 'a', 'd_one');
  const seen: Record<'tenant' | 'admin', string[]> = { tenant: [], admin: [] };
  for (const peek of peeks) {
    if (await shows(tenant, peek)) seen.tenant.push(peek);
    if (await shows(admin, peek)) seen.admin.push(peek);
  }
  t.strictSame(seen.tenant, []);
  for (const peek of lawsOf(server).peeks) await t.resolves(admin.query(peek), `can be asked: ${peek}`);
  for (const control of [
    /pg_stat_activity/,
    /pg_stat_database$/,
    /pg_locks/,
    /backend_pid/,
    /_userid/,
    /_dbid/,
    /_db_xact_commit/,
    /progress_info/,
  ])
    t.match(seen.admin.join('\n'), new RegExp(control, 'm'), 'the control');
  await admin.query(`SELECT pg_terminate_backend(${pid ?? ''})`);
  for (const session of [admin, tenant]) await session.close();
  await working;
  await busy.close().catch(() => undefined);
  await clear();
}
