import type { Test } from 'tap';
import { lookAtDatabase, lookAtLogin } from '#runtime/drivers/postgresql/look.ts';
import type { Ask } from '#runtime/drivers/postgresql/session.ts';
import { databasesGround } from '#test/contracts/databases/ground.ts';
import { lawsOf } from './postgresql-laws.ts';
import type { PostgresqlServer } from './postgresql.ts';

interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Join Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Rows that came by on the way to an answer. */
function rowsOf(node: PlanNode): number {
  const { Plans: below = [], 'Actual Rows': kept, 'Actual Loops': loops } = node;
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0);
  return below.reduce((sum, each) => sum + rowsOf(each), (kept + removed) * loops);
}

/** Each action looks at what it changes first. */
export async function looksLaw(t: Test, server: PostgresqlServer): Promise<void> {
  const { go, state, settings, login, clear } = databasesGround(lawsOf(server));
  await go(state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]));
  const admin = await server.admin();
  let read = 0;
  const ask: Ask = async (statement) => {
    const [[plan = ''] = []] = await admin.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${statement}`);
    for (const { Plan: root } of JSON.parse(plan ?? '') as readonly { readonly Plan: PlanNode }[]) read += rowsOf(root);
    return [];
  };
  const readFor = async (look: typeof lookAtDatabase | typeof lookAtLogin, name: string): Promise<number> => {
    read = 0;
    await look(ask, name);
    return read;
  };
  const cost = async () => [
    ...[await readFor(lookAtDatabase, 'd_one'), await readFor(lookAtDatabase, 'd_none')],
    ...[await readFor(lookAtLogin, 'u_one'), await readFor(lookAtLogin, 'u_none')],
  ];
  const few = await cost();
  await admin.query(`DO $$ BEGIN FOR n IN 1..3000 LOOP EXECUTE format('CREATE ROLE many%s', n); END LOOP; END $$`);
  await admin.query(
    `INSERT INTO wcp360.marks (kind, name, owner) SELECT kind, 'many' || n, 'x' FROM generate_series(1, 3000) n, (VALUES ('database'), ('login')) k (kind)`,
  );
  for (const [at, many] of (await cost()).entries())
    t.ok(many <= (few[at] ?? 0) + 200, `${few[at]} rows, then ${many}`);
  await admin.query(`DELETE FROM wcp360.marks WHERE name LIKE 'many%'`);
  await admin.query(`DO $$ BEGIN FOR n IN 1..3000 LOOP EXECUTE format('DROP ROLE many%s', n); END LOOP; END $$`);
  await admin.close();
  await clear();
}
