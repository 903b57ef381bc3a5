import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import fc from 'fast-check';
import { RefusedError, required } from '#runtime/base/errors.ts';
import type { DatabaseSettings, LoginSettings } from '#runtime/drivers/databases/model.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { ownPostgresql, postgresqlDriver, startPostgresql, stopPostgresql } from '#runtime/drivers/postgresql/index.ts';
import { administer } from '#runtime/drivers/postgresql/administration.ts';
import { closeOthers } from '#runtime/drivers/postgresql/close-others.ts';
import type { Ask } from '#runtime/drivers/postgresql/session.ts';
import { literal, name as quoted, sql } from '#runtime/drivers/postgresql/sql.ts';
import { debianServer } from '#runtime/cmd/declared-server.ts';
import { adoptionContract } from '#test/contracts/database-adoption.ts';
import { networksContract } from '#test/contracts/database-networks.ts';
import { brokenAdoptionLaw } from '#test/contracts/broken-adoption.ts';
import { databasesContract, fullDiskLaw, usualLimits } from '#test/contracts/databases.ts';
import { reach } from '#test/contracts/driver.ts';
import { hostileServersContract } from '#test/contracts/hostile-servers.ts';
import { ownServersContract } from '#test/contracts/own-servers.ts';
import { elsewhereContract } from '#test/contracts/servers-elsewhere.ts';
import {
  openPostgresql,
  openPostgresqlElsewhere,
  openPostgresqlOnNetwork,
  testSettings,
} from '#test/lab/postgresql.ts';
import { admissionsLaw, clientRulesLaw } from '#test/lab/postgresql-client-rules.ts';
import { lawsOf, ownPostgresqlUnderTest } from '#test/lab/postgresql-laws.ts';
import { ownLaws } from '#test/lab/postgresql-own-laws.ts';
import { programsLaw } from '#test/lab/postgresql-programs.ts';
import { administrationLaw, notesLaw } from '#test/lab/postgresql-superuser.ts';
import { realMachine } from '#test/runtime/host/machines.ts';

const server = await openPostgresql(t);
const { world, signal } = server;
const driver = postgresqlDriver;
const socket = `${server.host.root}/databases/postgresql/run`;
const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };

await t.test('PostgreSQL keeps the laws of databases', async (t) => {
  await databasesContract(t, lawsOf(server));
});

await t.test('PostgreSQL keeps laws of its own', async (t) => {
  await ownLaws(t, server);
});

await t.test('PostgreSQL keeps the laws of networks', async (t) => {
  const listening = await openPostgresqlOnNetwork(t);
  const laws = lawsOf(listening);
  await networksContract(t, { ...listening, ...laws });
  await admissionsLaw(t, listening);
});

await t.test('the PostgreSQL of a host runs as is wanted of it', async (t) => {
  await ownServersContract(t, ownPostgresqlUnderTest);
});

await t.test('any name and any network is one rule, as the server reads them', async (t) => {
  await clientRulesLaw(t, server);
});

await t.test('PostgreSQL keeps them on a server elsewhere', async (t) => {
  const elsewhere = await openPostgresqlElsewhere(t);
  const all = lawsOf(elsewhere);
  const { postgresql } = await server.host.capabilities(signal);
  const major = required(postgresql?.versions.at(-1), 'PostgreSQL').major;
  await databasesContract(t, { ...all, tricks: all.tricks.slice(0, 6), stride: 9 });
  await elsewhereContract(t, {
    ...all,
    declared: { ...elsewhere.place, engine: 'PostgreSQL', port: 5432 },
    versions: { older: String(major - 1), same: String(major), newer: String(major + 1) },
    theirs: {
      make: ['CREATE ROLE theirs', 'CREATE DATABASE theirs OWNER theirs'],
      facts: `SELECT datname, datdba, datacl, datconnlimit FROM pg_database WHERE datname = 'theirs'`,
      drop: ['DROP DATABASE theirs', 'DROP ROLE theirs'],
    },
    closed: ['postgres', 'template1', 'wcp360', 'd_two'],
    open: ['GRANT CONNECT ON DATABASE postgres TO PUBLIC'],
    clerk: {
      make: [
        `CREATE ROLE clerk LOGIN CREATEDB CREATEROLE PASSWORD 'clerk'`,
        'GRANT CONNECT ON DATABASE postgres TO clerk',
      ],
      drop: ['REVOKE ALL ON DATABASE postgres FROM clerk', 'DROP ROLE clerk'],
    },
  });
  await hostileServersContract(t, {
    engine: 'PostgreSQL',
    host: ownPostgresql(elsewhere.host),
    observe: async (host) => await driver.observe({ ...elsewhere.world, host }, signal),
  });
  await programsLaw(t, elsewhere);
  await administrationLaw(t, elsewhere);
  await notesLaw(t, elsewhere);
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

await t.test('PostgreSQL keeps the laws of taking over what others made', async (t) => {
  await adoptionContract(t, {
    ...lawsOf(server),
    make: [
      `CREATE ROLE old LOGIN PASSWORD 'old'`,
      'CREATE DATABASE legacy OWNER old TEMPLATE template0 LOCALE "C.UTF-8"',
    ],
    fill: [
      'SET ROLE old',
      'CREATE SCHEMA more',
      `CREATE TYPE more.mood AS ENUM ('good')`,
      'CREATE TABLE more.notes (id serial, mood more.mood)',
      'CREATE FUNCTION more.f() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$',
      'RESET ROLE',
      'CREATE TABLE goods (name varchar(20))',
      `INSERT INTO goods VALUES ('tea')`,
      `SELECT lo_from_bytea(0, 'x')`,
    ],
    // Whoever comes in is somebody else.
    release: ['ALTER DATABASE legacy SET role = old'],
    drop: ['DROP ROLE old'],
    obstacles: [
      { name: 'an extension', make: ['CREATE EXTENSION hstore'], drop: ['DROP EXTENSION hstore'] },
      {
        name: 'an event trigger',
        make: [
          'CREATE FUNCTION hear() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$',
          'CREATE EVENT TRIGGER ear ON ddl_command_start EXECUTE FUNCTION hear()',
        ],
        drop: ['DROP EVENT TRIGGER ear', 'DROP FUNCTION hear()'],
      },
      { name: 'a publication', make: ['CREATE PUBLICATION paper'], drop: ['DROP PUBLICATION paper'] },
      {
        name: 'a function in C',
        make: [`CREATE FUNCTION c() RETURNS integer LANGUAGE internal AS 'int4in'`],
        drop: ['DROP FUNCTION c()'],
      },
      {
        name: 'what would be run as the administrator’s',
        make: [
          'GRANT CREATE ON DATABASE legacy TO old',
          'SET ROLE old',
          'CREATE SCHEMA wcp360',
          'CREATE TABLE wcp360.creators (schema oid, grantee oid, is_grantable boolean, PRIMARY KEY (schema, grantee))',
          `CREATE FUNCTION wcp360.rise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER ROLE old SUPERUSER'; RETURN NULL; END $$`,
          'CREATE TRIGGER rise BEFORE DELETE ON wcp360.creators FOR EACH STATEMENT EXECUTE FUNCTION wcp360.rise()',
          'RESET ROLE',
        ],
        drop: ['DROP SCHEMA wcp360 CASCADE'],
      },
      {
        name: 'what says that it is adopted',
        make: ['SET ROLE old', 'CREATE SCHEMA wcp360', 'CREATE TABLE wcp360.adopted ()', 'RESET ROLE'],
        drop: ['DROP SCHEMA wcp360 CASCADE'],
      },
    ],
  });
});

await t.test('nobody prepares anything in what is being adopted; what cannot be is given back', async (t) => {
  const admin = await server.admin();
  for (const statement of [
    `CREATE ROLE old LOGIN PASSWORD 'old'`,
    `CREATE ROLE friend LOGIN PASSWORD 'friend'`,
    'CREATE DATABASE legacy OWNER old CONNECTION LIMIT 7',
    'GRANT CONNECT ON DATABASE legacy TO friend WITH GRANT OPTION',
    'REVOKE TEMPORARY ON DATABASE legacy FROM PUBLIC',
  ])
    await admin.query(statement);
  const facts = async () =>
    await admin.query(`SELECT pg_get_userbyid(datdba), datconnlimit, ARRAY(SELECT a::text FROM unnest(datacl) a ORDER BY 1)
      FROM pg_database WHERE datname = 'legacy'`);
  const before = await facts();
  const inside = await server.login('old', 'old', 'legacy');
  const ask: Ask = async (statement) => await administer(world.host, signal, async (each) => await each(statement));
  let checks = 0;
  const check = async (): Promise<void> => {
    checks += 1;
    if (checks === 1) return void (await inside.query('CREATE SCHEMA early'));
    await t.rejects(inside.query('CREATE SCHEMA late'), 'who was in');
    for (const name of ['old', 'friend']) await t.rejects(server.login(name, name, 'legacy'), name);
    throw new RefusedError('AdoptUnfit', 'The second look.');
  };
  await t.rejects(closeOthers(ask, { name: 'legacy', owner: ownerId(one) }, check), /The second look/);
  t.equal(checks, 2);
  t.same(await facts(), before);
  for (const name of ['old', 'friend']) await (await server.login(name, name, 'legacy')).close();
  for (const statement of ['DROP DATABASE legacy WITH (FORCE)', 'DROP ROLE old', 'DROP ROLE friend'])
    await admin.query(statement);
  await admin.close();
});

await t.test(
  'an adoption in which an agent died is given back where it is refused or not wanted any more',
  async (t) => await brokenAdoptionLaw(t, server),
);

await t.test('the server of Debian’s package is used by its socket, if that lets in by a password', async (t) => {
  const neighbour = { name: 'own', engine: 'PostgreSQL', versions: {} } as const;
  const means = { readProgramText: server.host.readProgramText, machine: server.host };
  const way = { socketDirectory: socket, socketFile: '.s.PGSQL.5432' };
  const host = debianServer(neighbour, means, way);
  const there = { ...world, host };
  const u_one = login('u_one', 'a');
  const wanted = { databases: new Map([['d_one', settings()]]), logins: new Map([['u_one', u_one]]) };
  await reach(driver, there, one, wanted);
  const session = await server.login('u_one', 'a', 'd_one');
  t.same(await session.query('SELECT 1'), [['1']]);
  await session.close();
  t.match(await text(Readable.from(driver.dump('d_one', there, signal))), /database dump complete/);
  t.equal((await driver.observe(world, signal)).databases.found.get('d_one')?.owner, undefined, 'by marks of its own');
  await reach(driver, there, one, driver.nothing);
  const rules = `${server.host.root}/databases/postgresql/conf/debian.conf`;
  const { gid } = server.settings;
  const lines = 'local all postgres peer map=wcp360\nlocal all all peer\n';
  await server.host.replaceFile(rules, lines, { mode: 0o640, uid: 0, gid }, signal);
  const parameters = { ...server.settings.parameters, hba_file: rules };
  await startPostgresql(server.host, { ...server.settings, parameters }, signal);
  const anew = { ...world, host: debianServer(neighbour, means, way) };
  const err: unknown = await driver.observe(anew, signal).catch((cause: unknown) => cause);
  t.match(err, { reason: 'ServerUnfit', message: /pg_hba/ });
  await startPostgresql(server.host, server.settings, signal);
});

await t.test('a disk without room is told, harms nobody, and all is made once there is some', async (t) => {
  const small = await openPostgresql(t, { diskBytes: 256 << 20 });
  const usual = { encoding: 'UTF8', collation: 'C.UTF-8' };
  const large = `CREATE TABLE more AS SELECT repeat('x', 1000) AS x FROM generate_series(1, 2000)`;
  await fullDiskLaw(t, { ...small, driver, usual }, { disk: required(small.disk, 'a disk'), large });
});

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
  t.strictSame((await driver.observe({ ...world, host: ownPostgresql(host) }, signal)).logins.byOwner.size, 0);
  await stopPostgresql(host, signal);
});

await t.test('a host without a server has nothing, and says so when something is wanted', async (t) => {
  const machine = await realMachine();
  t.teardown(async () => await machine.close());
  const empty = { ...world, host: ownPostgresql(machine.host) };
  t.equal((await driver.observe(empty, signal)).databases.found.size, 0);
  const state = { databases: new Map([['d_one', settings()]]), logins: new Map() };
  await t.rejects(reach(driver, empty, one, state), RefusedError);
});
