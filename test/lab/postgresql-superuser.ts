import type { Test } from 'tap';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { lookAtPostgresql, postgresqlDriver as driver } from '#runtime/drivers/postgresql/index.ts';
import { contentsOf } from '#runtime/drivers/postgresql/contents.ts';
import { databasesGround, signal } from '#test/contracts/databases/ground.ts';
import { lawsOf } from './postgresql-laws.ts';
import { until } from './instance.ts';
import type { PostgresqlServer, PostgresqlServerElsewhere } from './postgresql.ts';
import { elsewhereHost } from './server-elsewhere.ts';

const rise = 'ALTER ROLE u_two SUPERUSER';
const who = ['u_one', 'a', 'd_one'] as const;
const accomplice = ['u_two', 'b'] as const;

/** What a tenant makes is the administrator's neither to have nor to run. */
export async function superuserLaws(t: Test, server: PostgresqlServer): Promise<void> {
  const { go, state, settings, login, clear, does } = databasesGround(lawsOf(server));
  const told = async (database: string, ...statements: readonly string[]) => {
    const admin = await server.admin(database);
    let rows: readonly (readonly (string | null)[])[] = [];
    for (const statement of statements) rows = await admin.query(statement);
    await admin.close();
    return rows;
  };
  const isRisen = async (): Promise<boolean> =>
    (await told('postgres', `SELECT FROM pg_roles WHERE rolname = 'u_two' AND rolsuper`)).length > 0;
  const begin = async () => {
    const two = login('u_two', 'b', { d_one: 'Owner' });
    await go(state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' }), two]));
    return state({ d_one: settings() }, [two]);
  };

  await t.test('what a login made in a database of others goes with it, and is nobody’s before', async (each) => {
    const evil = (name: string): string =>
      `CREATE FUNCTION ${name}(words text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN EXECUTE words; END $$`;
    const call = async (name: string): Promise<unknown> =>
      await does([...accomplice, 'theirs'], `SELECT ${name}('${rise}')`).catch(String);
    for (const heir of [[], ['CREATE ROLE "theirs:owner" SUPERUSER']]) {
      const left = await begin();
      await told('postgres', 'CREATE DATABASE theirs TEMPLATE template0', ...heir);
      await told('theirs', 'GRANT CREATE ON SCHEMA public TO PUBLIC', 'CREATE TABLE kept AS SELECT 1 AS n');
      await does(['u_one', 'a', 'theirs'], evil('own'), 'SET ROLE "d_one:owner"', evil('ofGroup'));
      each.match(await call('own'), /must be superuser|permission denied/i, 'the control: who made it may as little');
      await go(left);
      each.match(await call('own'), /does not exist/);
      each.match(await call('ofGroup'), /must be superuser|permission denied/i, 'its group is still there');
      await clear();
      each.same(await told('theirs', 'SELECT relname FROM pg_class WHERE oid >= 16384'), [['kept']]);
      each.same(await told('theirs', 'SELECT proname FROM pg_proc WHERE oid >= 16384'), []);
      each.notOk(await isRisen());
      await told('postgres', 'DROP DATABASE theirs', 'DROP ROLE IF EXISTS "theirs:owner"');
    }
  });

  await t.test('to count and to dump what a tenant has runs nothing of the tenant', async (each) => {
    await begin();
    await does(
      who,
      `CREATE FUNCTION rise() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ${rise}; END IF; END $$`,
      `CREATE FUNCTION constant(n integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.rise(); RETURN true; END $$`,
      'CREATE TABLE t AS SELECT 1 AS n',
      'CREATE INDEX ON t (n) WHERE public.constant(1)',
    );
    const held = await Array.fromAsync(contentsOf('d_one', server.world.host, signal));
    each.match(held.join('\n'), /^1 rows of "public"."t"$/m);
    for await (const _ of driver.dump('d_one', server.world, signal));
    each.notOk(await isRisen());
    await told('d_one', 'SELECT count(*) FROM t');
    each.ok(await isRisen(), 'the control: to ask for its rows does');
    await clear();
  });
}

/** What anybody may note of itself is read with what is noted of all. */
export async function notesLaw(t: Test, server: PostgresqlServerElsewhere): Promise<void> {
  const { go, state, settings, login, clear, does } = databasesGround(lawsOf(server));
  await t.test('a login that notes much of itself hides nobody, and has it taken away', async (each) => {
    const wanted = state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]);
    await go(wanted);
    await does(
      who,
      'SET ROLE NONE',
      `DO $$ BEGIN EXECUTE format('ALTER ROLE u_one SET application_name = %L', repeat('x', 20 * 1024 * 1024)); END $$`,
    );
    const noted = async () => {
      const admin = await server.admin();
      const rows = await admin.query(
        `SELECT max(length(array_to_string(setconfig, ''))) > 1024 * 1024 FROM pg_db_role_setting`,
      );
      await admin.close();
      return rows;
    };
    each.same(await noted(), [['t']], 'the control');
    await go(wanted);
    each.same(await noted(), [['f']]);
    await clear();
  });
}

/** What looks like the administration of a server, and is somebody's who may make databases there. */
export async function administrationLaw(t: Test, server: PostgresqlServerElsewhere): Promise<void> {
  const { host, place, world } = server;
  const there = (): ServerHost => ({
    ...elsewhereHost(host, { ...place, engine: 'PostgreSQL', port: 5432 }),
    installation: () => Promise.resolve('ours'),
  });
  const told = async (database: string, statement: string) => {
    const admin = await server.admin(database);
    return await admin.query(statement).finally(() => void admin.close());
  };
  const observed = async () => await driver.observe({ ...world, host: there() }, signal);

  await t.test(
    'a database of one who is no superuser is not taken for the administration of a server',
    async (each) => {
      await observed();
      await until(
        async () => (await told('postgres', 'ALTER DATABASE wcp360 RENAME TO aside')).length === 0,
        'its end',
      );
      await told('postgres', 'CREATE ROLE clerk CREATEDB');
      await told('postgres', 'CREATE DATABASE wcp360 OWNER clerk');
      await told(
        'wcp360',
        `SET ROLE clerk; CREATE SCHEMA wcp360;
      CREATE FUNCTION wcp360.rise() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE clerk SUPERUSER; END IF; RETURN 'x'; END $$;
      CREATE VIEW wcp360.holder AS SELECT wcp360.rise() AS installation, 'x' AS server;
      CREATE VIEW wcp360.marks AS SELECT wcp360.rise() AS kind, 'x' AS name, 'x' AS owner, 1::oid AS database, '{}'::jsonb AS mark`,
      );
      const fault = { reason: 'ServerUnfit', message: /wcp360 .* belongs to clerk/ };
      await each.rejects(observed(), fault);
      await each.rejects(
        lookAtPostgresql(there(), signal, () => undefined),
        fault,
      );
      each.same(await told('postgres', `SELECT rolsuper FROM pg_roles WHERE rolname = 'clerk'`), [['f']]);
      await told('wcp360', 'SELECT * FROM wcp360.marks');
      each.same(
        await told('postgres', `SELECT rolsuper FROM pg_roles WHERE rolname = 'clerk'`),
        [['t']],
        'the control',
      );
      await told('postgres', 'DROP DATABASE wcp360 WITH (FORCE)');
      await told('postgres', 'ALTER DATABASE aside RENAME TO wcp360');
      await told('postgres', 'DROP ROLE clerk');
      await observed();
    },
  );
}
