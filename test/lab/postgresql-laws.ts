import { postgresqlDriver } from '#runtime/drivers/postgresql/index.ts';
import type { DatabasesUnderTest } from '#test/contracts/databases.ts';
import type { OwnServerUnderTest } from '#test/contracts/own-servers.ts';
import { openClient, type PostgresqlServer } from './postgresql.ts';

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

/** What the laws of databases are tried with on a PostgreSQL. */
export const lawsOf = (server: PostgresqlServer): DatabasesUnderTest<'postgresql'> => ({
  driver: postgresqlDriver,
  world: server.world,
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
  host: server.host,
  own: { databases: ['postgres', 'template0', 'template1'], logins: ['postgres', 'pg_monitor'] },
  undumpable: ['CREATE PUBLICATION news'],
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
    trick('a trigger on a deletion', [...bait, ...triggerThat('g', 'BEFORE DELETE ON bait FOR EACH ROW')], [takeBait]),
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
    trick('a merge', [], ['MERGE INTO t USING (SELECT 9 AS n) s ON false WHEN NOT MATCHED THEN INSERT (n) VALUES (9)']),
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
    'SELECT * FROM wcp360.creators',
    'SELECT setting FROM pg_settings',
  ],
});

const who = { user: 'u_one', password: 'a', database: 'd_one' };

export const ownPostgresqlUnderTest: OwnServerUnderTest<'postgresql'> = {
  name: 'postgresql',
  port: 5432,
  driver: postgresqlDriver,
  usual: { encoding: 'UTF8', collation: 'C.UTF-8' },
  enter: async (host, ca) => await openClient({ ...who, host, ca }),
  enterBySocket: async (root) => await openClient({ ...who, host: `${root}/databases/postgresql/run` }),
  // Ten are the administrator's.
  most: { statement: 'SHOW max_connections', of: (connections) => String(connections + 10) },
};
