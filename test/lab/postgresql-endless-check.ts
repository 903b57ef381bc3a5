import type { Test } from 'tap';
import type { DatabaseState } from '#runtime/drivers/databases/model.ts';
import { postgresqlDriver } from '#runtime/drivers/postgresql/index.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import { databasesGround, keeper, other } from '#test/contracts/databases/ground.ts';
import { reach } from '#test/contracts/driver.ts';
import { labIntake } from './intake.ts';
import { lawsOf } from './postgresql-laws.ts';
import type { PostgresqlServer } from './postgresql.ts';

/** Ends where it was made, and in no copy of that. */
const endlessElsewhere = [
  `CREATE FUNCTION f(n integer) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN WHILE current_database() <> 'd_one' LOOP NULL; END LOOP; RETURN true; END $$`,
  'CREATE TABLE t (n integer CHECK (f(n)))',
  'INSERT INTO t VALUES (7)',
];

export async function endlessCheckLaw(t: Test, server: PostgresqlServer): Promise<void> {
  const ground = databasesGround(lawsOf(server));
  const { go, goThrough, jobDone, forgetJobs, does, state, settings, login, clear } = ground;
  const who = ['u_one', 'a', 'd_one'] as const;
  const open = state({ d_one: settings() });
  const kept: DatabaseState = { ...state({}), kept: new Map([['d_one', ownerId(keeper)]]) };
  const asFile: DatabaseState = { ...kept, dumped: new Set(['d_one']) };
  await go(open);
  await go(state({}, [login('u_one', 'a', { d_one: 'Owner' })]), other);
  await does(who, ...endlessElsewhere);
  await go(kept);
  const hasty = { ...server.world, intake: { ...labIntake, longestMs: 3_000 } };
  await reach(postgresqlDriver, hasty, keeper, asFile);
  t.match(await jobDone(keeper), /its dump was not taken in within 3s/);
  const admin = await server.admin();
  const left = `SELECT datname FROM pg_database WHERE datname ~ '^d_one' UNION ALL
    SELECT usename FROM pg_stat_activity WHERE usename = 'd_one:filler'`;
  t.same(await admin.query(left), [['d_one']], 'neither a copy, nor who filled it');
  await admin.close();
  await forgetJobs();
  await goThrough({ ...open, heirTo: ownerId(keeper) });
  t.same(await does(who, 'SELECT n FROM t'), [['7']]);
  await clear();
}
