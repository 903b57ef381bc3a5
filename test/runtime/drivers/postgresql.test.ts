import t from 'tap';
import fc from 'fast-check';
import { RefusedError } from '#runtime/base/errors.ts';
import type { DatabaseSettings, LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { postgresqlDriver, startPostgresql, stopPostgresql } from '#runtime/drivers/postgresql/index.ts';
import { literal, name as quoted, sql } from '#runtime/drivers/postgresql/sql.ts';
import { databasesContract, usualLimits, type DatabasesUnderTest } from '#test/contracts/databases.ts';
import { reach } from '#test/contracts/driver.ts';
import { openPostgresql, testSettings } from '#test/lab/postgresql.ts';
import { realMachine } from '#test/runtime/host/machines.ts';

const server = await openPostgresql(t);
const { world, signal } = server;
const driver = postgresqlDriver;
const socket = `${server.host.root}/databases/postgresql/run`;
const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };

type Trick = DatabasesUnderTest<'postgresql'>['tricks'][number];
const trick = (name: string, before: Trick['before'], tries: Trick['tries']): Trick => ({ name, before, tries });
/** What a tenant's function does to write. */
const write = 'INSERT INTO t VALUES (9)';
const functionThat = (name: string, options: string, statement = write): string =>
  `CREATE FUNCTION ${name}() RETURNS void LANGUAGE sql ${options} AS $$ ${statement} $$`;
const triggerThat = (name: string, on: string, statement = write): readonly string[] => [
  `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN ${statement}; RETURN OLD; END $$`,
  `CREATE TRIGGER ${name} ${on} EXECUTE FUNCTION ${name}()`,
];
const bait = ['CREATE TABLE bait (n integer)', 'INSERT INTO bait SELECT generate_series(1, 100)'];
const takeBait = 'DELETE FROM bait WHERE n = (SELECT min(n) FROM bait)';

await t.test('PostgreSQL keeps the laws of databases', async (t) => {
  await databasesContract(t, {
    driver,
    world,
    usual: { encoding: 'UTF8', collation: 'C.UTF-8' },
    extension: 'hstore',
    passwords: server.passwords,
    passwordsByLogin: 1,
    login: server.login,
    admin: server.admin,
    statements: async () => {
      const all = await server.statements();
      const reads = all.filter((statement) => /^SELECT\b/.test(statement)).length;
      return { reads, writes: all.length - reads };
    },
    log: server.log,
    breakAfter: server.breakAfter,
    crash: server.crash,
    tricks: [
      trick('a plain insert', [], [write]),
      trick('leave to write', [], ['SET default_transaction_read_only = off', 'SET ROLE NONE', write]),
      trick(
        'grants',
        ['GRANT ALL ON t TO u_one WITH GRANT OPTION', 'GRANT INSERT, UPDATE ON t TO PUBLIC'],
        ['GRANT INSERT, UPDATE ON t TO PUBLIC', write],
      ),
      trick('a grant of a column', ['GRANT INSERT (n), UPDATE (n) ON t TO u_one'], ['RESET ROLE', write]),
      trick('a function with the rights of its owner', [functionThat('f', 'SECURITY DEFINER')], ['SELECT f()']),
      trick(
        'a procedure that swallows errors',
        [
          `CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN BEGIN ${write}; EXCEPTION WHEN others THEN COMMIT; END; ${write}; COMMIT; END $$`,
        ],
        ['CALL p()'],
      ),
      trick(
        'a trigger on a deletion',
        [...bait, ...triggerThat('g', 'BEFORE DELETE ON bait FOR EACH ROW')],
        [takeBait],
      ),
      trick('a trigger on truncation', [...bait, ...triggerThat('g', 'AFTER TRUNCATE ON bait')], ['TRUNCATE bait']),
      trick(
        'a cascade, whose triggers run as the owner of the table',
        [
          'CREATE TABLE parent (n integer PRIMARY KEY)',
          'CREATE TABLE child (n integer REFERENCES parent ON DELETE CASCADE)',
          'INSERT INTO parent SELECT generate_series(1, 100)',
          'INSERT INTO child SELECT generate_series(1, 100)',
          'CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN GRANT INSERT ON t TO PUBLIC; ALTER TABLE t DISABLE TRIGGER USER; INSERT INTO t VALUES (9); RETURN OLD; END $$',
          'CREATE TRIGGER g BEFORE DELETE ON child FOR EACH ROW EXECUTE FUNCTION g()',
        ],
        ['DELETE FROM parent WHERE n = (SELECT min(n) FROM parent)'],
      ),
      trick('a rule', [...bait, `CREATE RULE r AS ON DELETE TO bait DO ALSO ${write}`], [takeBait]),
      trick('a view', ['CREATE VIEW v AS SELECT * FROM t'], ['INSERT INTO v VALUES (9)']),
      trick(
        'a view with a trigger',
        ['CREATE VIEW v AS SELECT * FROM t', ...triggerThat('g', 'INSTEAD OF INSERT ON v FOR EACH ROW')],
        ['INSERT INTO v VALUES (1)'],
      ),
      trick('a table that inherits', ['CREATE TABLE heir () INHERITS (t)'], ['INSERT INTO heir VALUES (9)']),
      trick(
        'a new table that inherits',
        [],
        ['CREATE TABLE IF NOT EXISTS heir () INHERITS (t)', 'INSERT INTO heir VALUES (9)'],
      ),
      trick(
        'a new schema',
        ['CREATE SCHEMA s'],
        [
          'CREATE SCHEMA IF NOT EXISTS s2',
          'CREATE TABLE IF NOT EXISTS s.heir () INHERITS (public.t)',
          'INSERT INTO s.heir VALUES (9)',
        ],
      ),
      trick(
        'a table of EXPLAIN',
        ['CREATE SCHEMA s'],
        [
          'DROP TABLE IF EXISTS s.made',
          'EXPLAIN ANALYZE CREATE TABLE s.made AS SELECT 9 AS n',
          'INSERT INTO t SELECT n FROM s.made',
        ],
      ),
      trick(
        'a temporary table',
        [],
        ['CREATE TEMPORARY TABLE IF NOT EXISTS aside AS SELECT 9 AS n', 'INSERT INTO t SELECT n FROM aside'],
      ),
      trick(
        'a merge',
        [],
        ['MERGE INTO t USING (SELECT 9 AS n) s ON false WHEN NOT MATCHED THEN INSERT (n) VALUES (9)'],
      ),
      trick('a query that writes', [], [`WITH made AS (${write} RETURNING n) SELECT n FROM made`]),
      trick('EXPLAIN', [], [`EXPLAIN ANALYZE ${write}`]),
      trick('a prepared statement', [], [`PREPARE w AS ${write}`, 'EXECUTE w', 'DEALLOCATE w']),
      trick('a block', [], [`DO $$ BEGIN ${write}; EXCEPTION WHEN others THEN NULL; END $$`]),
      trick(
        'triggers that are switched off',
        ['ALTER TABLE t DISABLE TRIGGER USER'],
        ['ALTER TABLE t DISABLE TRIGGER USER', write],
      ),
      trick(
        'another owner',
        [],
        ['SET ROLE NONE', 'ALTER TABLE t OWNER TO u_one', write, 'ALTER TABLE t OWNER TO "d_one:owner"'],
      ),
      trick(
        'a refreshed view',
        [
          functionThat('f', '', 'INSERT INTO public.t VALUES (9)'),
          'CREATE FUNCTION h() RETURNS integer LANGUAGE sql AS $$ SELECT public.f(); SELECT 1 $$',
          'CREATE MATERIALIZED VIEW m AS SELECT h()',
        ],
        ['REFRESH MATERIALIZED VIEW m'],
      ),
      trick(
        'an index that is built anew',
        [
          ...bait,
          functionThat('f', '', 'INSERT INTO public.t VALUES (9)'),
          'CREATE FUNCTION h(n integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.f(); RETURN n; END $$',
          'CREATE INDEX i ON bait (h(n))',
        ],
        ['REINDEX INDEX i'],
      ),
    ],
    drifts: (database, login) => [
      { name: 'a right to make databases', statements: [`ALTER ROLE ${login} CREATEDB`] },
      { name: 'a superuser', statements: [`ALTER ROLE ${login} SUPERUSER`] },
      { name: 'another password', statements: [`ALTER ROLE ${login} PASSWORD 'by hand'`] },
      { name: 'no password', statements: [`ALTER ROLE ${login} PASSWORD NULL`] },
      { name: 'a password that ends', statements: [`ALTER ROLE ${login} VALID UNTIL '2020-01-01'`] },
      { name: 'a lock', statements: [`ALTER ROLE ${login} NOLOGIN`] },
      { name: 'more connections', statements: [`ALTER ROLE ${login} CONNECTION LIMIT -1`] },
      { name: 'a grant', statements: [`GRANT pg_read_all_data TO ${login}`] },
      { name: 'a grant with another', statements: [`GRANT "${database}:readwrite" TO ${login} WITH ADMIN OPTION`] },
      { name: 'a lost grant', statements: [`REVOKE "${database}:readwrite" FROM ${login}`] },
      { name: 'a member', statements: [`GRANT ${login} TO pg_monitor`] },
      { name: 'parameters of a login', statements: [`ALTER ROLE ${login} IN DATABASE ${database} RESET ALL`] },
      { name: 'a parameter of a login', statements: [`ALTER ROLE ${login} SET temp_file_limit = -1`] },
      { name: 'time without end', statements: [`ALTER ROLE ${login} SET statement_timeout = 0`] },
      { name: 'a lost login', statements: [`DROP ROLE ${login}`] },
      { name: 'everybody let in', statements: [`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`] },
      { name: 'somebody let in', statements: [`GRANT CREATE ON DATABASE ${database} TO ${login} WITH GRANT OPTION`] },
      { name: 'a group put out', statements: [`REVOKE CONNECT ON DATABASE ${database} FROM "${database}:readwrite"`] },
      { name: 'a group that may more', statements: [`ALTER ROLE "${database}:owner" SUPERUSER LOGIN`] },
      { name: 'a group that belongs to another', statements: [`GRANT pg_monitor TO "${database}:owner"`] },
      { name: 'few connections', statements: [`ALTER DATABASE ${database} CONNECTION LIMIT 0`] },
      { name: 'no connections', statements: [`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`] },
      { name: 'a template', statements: [`ALTER DATABASE ${database} IS_TEMPLATE true`] },
      { name: 'another owner', statements: [`ALTER DATABASE ${database} OWNER TO ${login}`] },
      { name: 'a parameter', statements: [`ALTER DATABASE ${database} SET work_mem = '1GB'`] },
      { name: 'a comment', statements: [`COMMENT ON DATABASE ${database} IS 'by hand'`] },
      { name: 'a lost database', statements: [`DROP DATABASE ${database}`] },
    ],
    lasting: { sleep: (seconds) => `SELECT pg_sleep(${seconds})`, lift: 'SET statement_timeout = 0' },
    peeks: [
      'SELECT * FROM pg_database',
      'SELECT * FROM pg_roles',
      'SELECT * FROM pg_user',
      'SELECT * FROM pg_auth_members',
      'SELECT * FROM pg_shdescription',
      'SELECT * FROM pg_db_role_setting',
      'SELECT * FROM pg_stat_activity',
      'SELECT * FROM pg_stat_database',
      'SELECT * FROM pg_locks',
      'SELECT * FROM pg_authid',
      'SELECT * FROM wcp360.marks',
      'SELECT setting FROM pg_settings',
    ],
  });
});

const settings = (more: Partial<DatabaseSettings> = {}): DatabaseSettings => ({
  encoding: 'UTF8',
  collation: 'C.UTF-8',
  extensions: [],
  access: 'Open',
  ...more,
});
let versions = 0;
const login = (name: string, password: string, more: Partial<LoginSettings> = {}): LoginSettings => {
  const key = `p${String((versions += 1))}`;
  server.passwords.set(key, password);
  return {
    password: { namespace: 'acme', name, key },
    grants: { d_one: 'Owner' },
    connections: 5,
    limits: usualLimits,
    isLocked: false,
    ...more,
  };
};
const go = async (database: DatabaseSettings, logins: Readonly<Record<string, LoginSettings>> = {}) =>
  await reach(driver, world, one, {
    databases: new Map([['d_one', database]]),
    logins: new Map(Object.entries(logins)),
  });
const planned = async (database: DatabaseSettings, logins: Readonly<Record<string, LoginSettings>> = {}) =>
  driver.plan(
    one,
    { databases: new Map([['d_one', database]]), logins: new Map(Object.entries(logins)) },
    driver.of(one, await driver.observe(world, signal)),
  );
const clear = async () => await reach(driver, world, one, driver.nothing);
/** What a database has of rights, triggers and the like: everything that a full one has otherwise. */
const inventory = async (): Promise<unknown> => {
  const admin = await server.admin('d_one');
  const rows =
    await admin.query(`SELECT nspname, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(coalesce(nspacl, acldefault('n', nspowner))) a) FROM pg_namespace WHERE nspname <> 'wcp360' AND nspname !~ '^pg_t'
    UNION ALL SELECT relname, relacl::text || relowner FROM pg_class WHERE relnamespace::regnamespace::text !~ '^(pg_|wcp360)'
    UNION ALL SELECT proname, proacl::text FROM pg_proc WHERE proname ~ '^lo'
    UNION ALL SELECT tgname, tgenabled::text FROM pg_trigger UNION ALL SELECT evtname, evtenabled::text FROM pg_event_trigger
    UNION ALL SELECT datname, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(datacl) a) FROM pg_database ORDER BY 1, 2`);
  await admin.close();
  return rows;
};

await t.test('a full database grows by nothing that SQL has, and has afterwards what it had before', async (t) => {
  const u_one = login('u_one', 'a');
  await go(settings(), { u_one });
  const owner = await server.login('u_one', 'a', 'd_one');
  for (const statement of [
    'CREATE SCHEMA s',
    'CREATE SCHEMA theirs',
    'GRANT CREATE ON SCHEMA s TO u_one WITH GRANT OPTION',
    'GRANT CREATE ON SCHEMA s TO PUBLIC',
    'CREATE TABLE t (n integer, words text)',
    'INSERT INTO t SELECT generate_series(1, 100)',
    'CREATE TABLE s.parts (n integer) PARTITION BY RANGE (n)',
    'CREATE TABLE s.part PARTITION OF s.parts FOR VALUES FROM (0) TO (10)',
    'CREATE TABLE s."odd ""name\'" ("a b" integer)',
    "CREATE TYPE mood AS ENUM ('good')",
    'CREATE SEQUENCE counter',
    // As one of ours is called, in case that it is guessed.
    'CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    'CREATE TRIGGER wcp360_full BEFORE INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION nothing()',
    "SELECT lo_from_bytea(4242, 'x')",
  ])
    await owner.query(statement);
  const tries = [
    "UPDATE t SET words = repeat('x', 100000)",
    'INSERT INTO s.parts VALUES (1)',
    'INSERT INTO s.part VALUES (1)',
    'INSERT INTO s."odd ""name\'" VALUES (1)',
    'CREATE TABLE more (n integer)',
    'CREATE TABLE s.more (n integer)',
    'CREATE TEMPORARY TABLE more (n integer)',
    'SELECT 1 AS n INTO more',
    'EXPLAIN ANALYZE CREATE TABLE s.explained AS SELECT 1 AS n',
    'EXPLAIN ANALYZE CREATE TEMPORARY TABLE explained AS SELECT 1 AS n',
    'EXPLAIN ANALYZE CREATE MATERIALIZED VIEW explained AS SELECT 1 AS n',
    'CREATE INDEX ON t (n)',
    'CREATE SCHEMA more',
    "ALTER TYPE mood ADD VALUE 'bad'",
    "COMMENT ON TABLE t IS 'long'",
    "COMMENT ON FUNCTION nothing() IS 'long'",
    'CREATE OR REPLACE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$',
    "DO $$ BEGIN EXECUTE 'CREATE TABLE more (n integer)'; END $$",
    'GRANT CREATE ON SCHEMA s TO PUBLIC',
    'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC',
    "SELECT lo_from_bytea(0, 'x')",
    'SELECT lo_create(0)',
    'SELECT lo_creat(-1)',
    "SELECT lo_put(4242, 0, 'more')",
    "SELECT lowrite(lo_open(4242, 131072), 'more')",
    'SELECT lo_truncate(lo_open(4242, 131072), 100)',
    'CREATE EXTENSION citext',
    'CREATE STATISTICS more ON n, words FROM t',
    'DROP SCHEMA wcp360 CASCADE',
    'DROP EVENT TRIGGER wcp360_full',
    'SELECT wcp360.reopen()',
    'SET session_replication_role = replica',
    'ALTER DATABASE d_one SET default_transaction_read_only = off',
  ];
  await owner.close();
  const before = await inventory();
  await go(settings({ access: 'Full' }), { u_one });
  const full = await server.login('u_one', 'a', 'd_one');
  for (const role of ['SET ROLE "d_one:owner"', 'SET ROLE NONE', 'SET ROLE "d_one:owner"']) {
    await full.query(role);
    for (const statement of tries) {
      await t.rejects(full.query(statement), `${statement} after ${role}`);
      await full.query('ROLLBACK');
    }
  }
  t.same(await full.query('SELECT count(*) FROM t'), [['100']]);
  await full.query('DELETE FROM t WHERE n > 50');
  await full.query('VACUUM FULL t');
  await full.query('SELECT lo_unlink(4242)');
  await full.close();
  await go(settings(), { u_one });
  t.same(await inventory(), before);
  await clear();
});

await t.test('neither many tables nor locks keep a database from becoming full', async (t) => {
  const u_one = login('u_one', 'a');
  await go(settings(), { u_one });
  const owner = await server.login('u_one', 'a', 'd_one');
  await owner.query(
    "DO $$ BEGIN FOR n IN 1..450 LOOP EXECUTE format('CREATE TABLE t%s (n integer)', n); END LOOP; END $$",
  );
  for (const statement of ['BEGIN', 'LOCK TABLE t1, t450', 'SELECT pg_advisory_lock(360)'])
    await owner.query(statement);
  await go(settings({ access: 'Full' }), { u_one });
  await owner.close().catch(() => undefined);
  const full = await server.login('u_one', 'a', 'd_one');
  for (const table of ['t1', 't200', 't201', 't450']) await t.rejects(full.query(`INSERT INTO ${table} VALUES (1)`));
  await full.close();
  await go(settings(), { u_one });
  const open = await server.login('u_one', 'a', 'd_one');
  for (const table of ['t1', 't200', 't201', 't450']) await open.query(`INSERT INTO ${table} VALUES (1)`);
  t.same(await open.query('SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal'), [['0']]);
  await open.close();
  await clear();
});

await t.test('a full database can be emptied: rows that others refer to, tables, large objects', async (t) => {
  const u_one = login('u_one', 'a');
  await go(settings(), { u_one });
  const owner = await server.login('u_one', 'a', 'd_one');
  for (const statement of [
    'CREATE TABLE parent (n integer PRIMARY KEY)',
    'CREATE TABLE child (n integer REFERENCES parent)',
    'CREATE TABLE heir (n integer REFERENCES parent ON DELETE CASCADE)',
    'INSERT INTO parent SELECT generate_series(1, 9)',
    'INSERT INTO child VALUES (1)',
    'INSERT INTO heir VALUES (2)',
  ])
    await owner.query(statement);
  await owner.close();
  await go(settings({ access: 'Full' }), { u_one });
  const full = await server.login('u_one', 'a', 'd_one');
  await full.query('DELETE FROM parent WHERE n > 2');
  await t.rejects(full.query('DELETE FROM parent WHERE n = 1'), /foreign key/);
  await full.query('DELETE FROM parent WHERE n = 2');
  t.same(await full.query('SELECT count(*) FROM heir'), [['0']]);
  await full.query('TRUNCATE child');
  await full.query('DROP TABLE child');
  await full.close();
  await clear();
});

await t.test('extensions are ours to give, and one that is dropped by hand is put back', async (t) => {
  const u_one = login('u_one', 'a');
  const wanted = settings({ extensions: ['citext', 'hstore'] });
  await go(wanted, { u_one });
  const owner = await server.login('u_one', 'a', 'd_one');
  t.same(await owner.query("SELECT 'A'::citext = 'a'"), [['t']]);
  await owner.query('CREATE EXTENSION IF NOT EXISTS citext');
  await t.rejects(owner.query('CREATE EXTENSION pg_trgm'), /settings of the database/);
  await t.rejects(owner.query('DROP EXTENSION citext'));
  await owner.close();
  for (const statement of ['DROP EXTENSION hstore', 'CREATE EXTENSION pg_trgm']) {
    const admin = await server.admin('d_one');
    await admin.query(statement);
    await admin.close();
    t.equal((await planned(wanted, { u_one })).length, 1, statement);
    await go(wanted, { u_one });
    t.strictSame(await planned(wanted, { u_one }), []);
  }
  await t.rejects(go(settings({ extensions: ['no_such_thing'] }), { u_one }), RefusedError);
  await clear();
});

await t.test("what a session makes is the group's, and what a login made as itself when it goes", async (t) => {
  const [u_one, u_two] = [login('u_one', 'a'), login('u_two', 'b')];
  const u_eyes = login('u_eyes', 'c', { grants: { d_one: 'ReadOnly' } });
  await go(settings(), { u_one, u_two, u_eyes });
  const first = await server.login('u_one', 'a', 'd_one');
  // As poolers do it between two users of a session.
  for (const statement of ['SET ROLE NONE', 'DISCARD ALL', 'RESET ROLE']) await first.query(statement);
  await first.query('CREATE TABLE made (n integer)');
  await first.query('SET ROLE NONE');
  await first.query('CREATE TABLE own (n integer)');
  await first.close();
  const second = await server.login('u_two', 'b', 'd_one');
  await second.query('ALTER TABLE made ADD COLUMN m integer');
  await t.rejects(second.query('ALTER TABLE own ADD COLUMN m integer'), 'the control');
  await second.close();
  const eyes = await server.login('u_eyes', 'c', 'd_one');
  t.same(await eyes.query('SELECT count(*) FROM made'), [['0']]);
  await eyes.close();
  await go(settings(), { u_two, u_eyes });
  const heir = await server.login('u_two', 'b', 'd_one');
  await heir.query('ALTER TABLE own ADD COLUMN m integer');
  await heir.close();
  await clear();
});

await t.test('a session does not keep what its login has lost', async (t) => {
  await go(settings(), { u_one: login('u_one', 'a') });
  const inside = await server.login('u_one', 'a', 'd_one');
  await go(settings(), { u_one: login('u_one', 'a', { grants: { d_one: 'ReadOnly' } }) });
  await t.rejects(inside.query('CREATE TABLE more (n integer)'));
  await inside.close().catch(() => undefined);
  await clear();
});

await t.test('a change that changes no access leaves sessions alone', async (t) => {
  await go(settings(), { u_one: login('u_one', 'a') });
  const inside = await server.login('u_one', 'a', 'd_one');
  await go(settings({ extensions: ['citext'] }), { u_one: login('u_one', 'b') });
  t.same(await inside.query('SELECT 1'), [['1']]);
  await inside.close();
  await clear();
});

await t.test('any text survives as a literal, any name as a name, and nothing gets out of either', async (t) => {
  const admin = await server.admin();
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.constantFrom(
      "'",
      "''",
      '\\',
      "\\'",
      '"',
      '""',
      '$$',
      "E'\\x'",
      '--',
      '/*',
      ';',
      '\r\n',
      ':a',
      '%I',
      '?',
      '$1',
      'ü'.repeat(31),
    ),
  );
  let names = 0;
  await fc.assert(
    fc.asyncProperty(texts, async (given) => {
      if (given.includes('\0') || !given.isWellFormed()) {
        t.throws(() => literal(given), RefusedError);
        return;
      }
      t.same(await admin.query(sql`SELECT ${literal(given)} AS a`), [[given]]);
      if (given === '' || Buffer.byteLength(given) > 63) {
        t.throws(() => quoted(given), RefusedError);
        return;
      }
      names += 1;
      t.same(await admin.query(sql`SELECT ${quoted(given)} FROM (SELECT 1 AS ${quoted(given)}) a`), [['1']]);
      const made = await admin.query(
        sql`WITH made AS (SELECT 1 AS ${quoted(given)}) SELECT jsonb_object_keys(to_jsonb(made)) FROM made`,
      );
      t.same(made, [[given]]);
    }),
    { numRuns: 200, seed: 1 },
  );
  t.ok(names > 50);
  await admin.close();
});

await t.test('any password lets in, by the verifier that the server would have made of it', async (t) => {
  const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index));
  const words = [printable, 'ﬁ\u00a0ﬀ', 'p\u00adq', '\u{1f600} \u0627a', 'é', 'e\u0301', '\u0007bell', 'x'.repeat(900)];
  await go(settings());
  for (const word of words) {
    await go(settings(), { u_one: login('u_one', word) });
    await (await server.login('u_one', word, 'd_one')).close();
    t.equal((await psql(word)).exitCode, 0, 'by the library that most programs use');
    t.not((await psql(`${word}.`)).exitCode, 0);
  }
  await clear();
});

/** Logs in by Debian's own client. */
async function psql(password: string) {
  const argv = [
    `${server.settings.programs}/psql`,
    '--no-psqlrc',
    '--no-password',
    '-h',
    socket,
    '-U',
    'u_one',
    '-d',
    'd_one',
    '-c',
    'SELECT 1',
  ];
  const environment = { PGPASSWORD: password, PGCLIENTENCODING: 'UTF8' };
  return await server.host.run(argv, { timeoutMs: 10_000, environment, allowFailure: true }, signal);
}

await t.test('only root of the machine is the administrator, and nobody comes by the network', async (t) => {
  const enter = async (uid: number) =>
    await server.host.run(
      [
        `${server.settings.programs}/psql`,
        '--no-psqlrc',
        '--no-password',
        '-h',
        socket,
        '-U',
        'postgres',
        '-Atc',
        'SHOW listen_addresses',
      ],
      { timeoutMs: 10_000, uid, allowFailure: true },
      signal,
    );
  t.match(await enter(0), { exitCode: 0, stdout: '\n' }, 'the control');
  for (const uid of [65534, server.settings.uid]) t.match(await enter(uid), { exitCode: 2, stderr: /Peer/ });
});

await t.test('a server that stands is left alone; another configuration starts it anew', async (t) => {
  const path = `${server.host.root}/databases/postgresql/conf/postgresql.conf`;
  const state = async () => [
    (await server.host.services.get('postgresql', signal))?.pid,
    (await server.host.facts(path, signal))?.modifiedMs,
  ];
  const before = await state();
  await startPostgresql(server.host, server.settings, signal);
  t.same(await state(), before);
  const parameters = { ...server.settings.parameters, max_connections: '50' };
  await startPostgresql(server.host, { ...server.settings, parameters }, signal);
  t.not((await state())[0], before[0]);
  t.match(await server.log(), /database system is shut down/, 'it was stopped, not killed');
  const admin = await server.admin();
  t.same(await admin.query('SHOW max_connections'), [['50']]);
  await admin.close();
});

await t.test('wherever the making of its data breaks off, it is made in the end', async (t) => {
  const machine = await realMachine();
  t.teardown(async () => await machine.close());
  const { host } = machine;
  const wanted = await testSettings(host, signal);
  let left = 0;
  const breaking = <A extends readonly unknown[], R>(act: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if ((left -= 1) === 0) throw new Error('broken before');
      const result = await act(...args);
      if ((left -= 1) === 0) throw new Error('broken after');
      return result;
    };
  };
  const fragile = {
    ...host,
    run: breaking(host.run),
    rename: breaking(host.rename),
    replaceFile: breaking(host.replaceFile),
  };
  let points = 0;
  for (let count = 1; ; count += 1) {
    left = count;
    const broke = await startPostgresql(fragile, wanted, signal).then(
      () => false,
      () => true,
    );
    left = 0;
    if (!broke) break;
    points += 1;
  }
  t.ok(points >= 6, `${String(points)} points`);
  t.strictSame((await driver.observe({ ...world, host }, signal)).logins.byOwner.size, 0);
  await stopPostgresql(host, signal);
});

await t.test('a host without a server has nothing, and says so when something is wanted', async (t) => {
  const machine = await realMachine();
  t.teardown(async () => await machine.close());
  const empty = { ...world, host: machine.host };
  t.equal((await driver.observe(empty, signal)).databases.found.size, 0);
  const state = { databases: new Map([['d_one', settings()]]), logins: new Map() };
  await t.rejects(reach(driver, empty, one, state), RefusedError);
});
