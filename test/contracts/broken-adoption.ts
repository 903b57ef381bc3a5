import type { Test } from 'tap';
import { postgresqlDriver as driver } from '#runtime/drivers/postgresql/index.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { reach } from '#test/contracts/driver.ts';
import type { PostgresqlServer } from '#test/lab/postgresql.ts';

const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };
const settings = { encoding: 'UTF8', collation: 'C.UTF-8', extensions: [], access: 'Open' } as const;

/** An agent dies at each statement of an adoption. What comes of it then is all or nothing. */
export async function brokenAdoptionLaw(t: Test, server: PostgresqlServer): Promise<void> {
  const { world, signal } = server;

  const admin = await server.admin();
  const tell = async (...statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await admin.query(statement);
  };
  await tell(`CREATE ROLE old LOGIN PASSWORD 'old'`, `CREATE ROLE friend LOGIN PASSWORD 'friend'`);
  const make = async (): Promise<void> =>
    await tell(
      'CREATE DATABASE legacy OWNER old TEMPLATE template0 LOCALE "C.UTF-8" CONNECTION LIMIT 7',
      'GRANT CONNECT ON DATABASE legacy TO friend WITH GRANT OPTION',
      'REVOKE TEMPORARY ON DATABASE legacy FROM PUBLIC',
    );
  const facts = async () =>
    await admin.query(`SELECT pg_get_userbyid(datdba), datconnlimit, datistemplate, ARRAY(SELECT a::text FROM unnest(datacl) a ORDER BY 1),
      ARRAY(SELECT rolname FROM pg_roles WHERE rolname LIKE 'legacy:%') FROM pg_database WHERE datname = 'legacy'`);
  const adopting = { databases: new Map([['legacy', settings]]), logins: new Map(), adopts: true } as const;
  const found = async () => (await driver.observe(world, signal)).databases.found.get('legacy');
  const insides = async (statement: string): Promise<void> => {
    const inside = await server.admin('legacy');
    await inside.query(statement);
    await inside.close();
  };
  for (const end of ['refused', 'kept', 'dropped'] as const) {
    let [points, returned] = [0, 0];
    for (let broke = true; broke; points += 1) {
      await make();
      const before = await facts();
      server.breakAfter(points);
      broke = await reach(driver, world, one, adopting).then(
        () => false,
        () => true,
      );
      server.breakAfter(undefined);
      const isDone = (await found())?.settings !== undefined;
      if (end === 'refused') {
        await insides('CREATE PUBLICATION paper');
        const said: unknown = await reach(driver, world, one, adopting).catch((err: unknown) => err);
        if ((said as { readonly reason?: string }).reason === 'AdoptUnfit') {
          returned += 1;
          t.same(await facts(), before, `refused after ${points}`);
          t.equal((await found())?.owner, undefined);
          for (const name of ['old', 'friend']) await (await server.login(name, name, 'legacy')).close();
        }
      } else if (!isDone) {
        const state =
          end === 'kept' ? { ...driver.nothing, kept: new Map([['legacy', ownerId(one)]]) } : driver.nothing;
        await reach(driver, world, one, state);
        const after = await found();
        if (after?.owner === undefined && after !== undefined) {
          returned += 1;
          t.same(await facts(), before, `${end} after ${points}`);
        } else t.ok(end === 'dropped' ? after === undefined : after?.owner === ownerId(one), 'it was ours by then');
      }
      await reach(driver, world, one, driver.nothing);
      await tell('DROP DATABASE IF EXISTS legacy WITH (FORCE)');
    }
    t.ok(points > 8 && returned > 4, `${end}: ${points} points, ${returned} given back`);
  }
  await tell('DROP ROLE old', 'DROP ROLE friend');
  await admin.close();
}
