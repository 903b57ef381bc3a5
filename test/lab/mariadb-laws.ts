import { mariadbDriver } from '#runtime/drivers/mariadb/index.ts';
import type { DatabasesUnderTest } from '#test/contracts/databases.ts';
import type { MariadbServer } from './mariadb.ts';

/** Each makes `t` larger while it may. */
export const tricks: DatabasesUnderTest<'mariadb'>['tricks'] = [
  { name: 'a plain statement', before: [], tries: ['INSERT INTO t VALUES (10)'] },
  { name: 'REPLACE', before: [], tries: ['REPLACE INTO t SELECT n + 10 FROM t'] },
  {
    name: 'a routine with the rights of who made it',
    before: ['CREATE PROCEDURE p() SQL SECURITY DEFINER INSERT INTO t VALUES (10)'],
    tries: ['CALL p()'],
  },
  {
    name: 'a routine with the rights of who calls it',
    before: ['CREATE PROCEDURE p() SQL SECURITY INVOKER INSERT INTO t VALUES (10)'],
    tries: ['CALL p()'],
  },
  {
    name: 'a function in a question',
    before: ['CREATE FUNCTION f() RETURNS integer BEGIN INSERT INTO t VALUES (10); RETURN 1; END'],
    tries: ['SELECT f()'],
  },
  {
    name: 'a function in a view',
    before: [
      'CREATE FUNCTION f() RETURNS integer BEGIN INSERT INTO t VALUES (10); RETURN 1; END',
      'CREATE VIEW v AS SELECT f() AS n',
    ],
    tries: ['SELECT n FROM v'],
  },
  {
    name: 'a trigger on what may be deleted',
    before: [
      'CREATE TABLE bait (n integer)',
      'INSERT INTO bait VALUES (1), (2), (3), (4), (5), (6)',
      'CREATE TRIGGER fish AFTER DELETE ON bait FOR EACH ROW INSERT INTO t VALUES (10)',
    ],
    tries: ['DELETE FROM bait LIMIT 1'],
  },
  { name: 'a view', before: ['CREATE VIEW v AS SELECT n FROM t'], tries: ['INSERT INTO v VALUES (10)'] },
  {
    name: 'a view with the rights of who looks',
    before: ['CREATE SQL SECURITY INVOKER VIEW v AS SELECT n FROM t'],
    tries: ['INSERT INTO v VALUES (10)'],
  },
  { name: 'a file of the client', before: [], tries: [`LOAD DATA LOCAL INFILE 'any' INTO TABLE t`] },
  { name: 'a statement made of text', before: [], tries: [`EXECUTE IMMEDIATE 'INSERT INTO t VALUES (10)'`] },
  {
    name: 'a block without a routine',
    before: [],
    tries: [
      'BEGIN NOT ATOMIC DECLARE i integer DEFAULT 0; WHILE i < 3 DO INSERT INTO t VALUES (i); SET i = i + 1; END WHILE; END',
    ],
  },
  {
    name: 'another table under its name',
    before: ['CREATE TABLE larger AS SELECT seq AS n FROM seq_1_to_50'],
    tries: ['RENAME TABLE t TO smaller, larger TO t'],
  },
  {
    name: 'a table that takes its place',
    before: [],
    tries: ['CREATE OR REPLACE TABLE t AS SELECT seq AS n FROM seq_1_to_50'],
  },
  {
    name: 'a partition of another table',
    before: [
      'CREATE TABLE parts (n integer) PARTITION BY RANGE (n) (PARTITION p VALUES LESS THAN (1000))',
      'INSERT INTO parts SELECT seq FROM seq_1_to_50',
    ],
    tries: ['ALTER TABLE parts EXCHANGE PARTITION p WITH TABLE t'],
  },
  {
    name: 'a table of MERGE',
    before: [
      'CREATE TABLE one (n integer) ENGINE=MyISAM',
      'CREATE TABLE many (n integer) ENGINE=MERGE UNION=(one) INSERT_METHOD=LAST',
    ],
    tries: ['INSERT INTO many VALUES (10)', 'INSERT INTO t SELECT n FROM many'],
  },
  {
    name: 'settings of the session',
    before: [],
    tries: [`SET STATEMENT sql_mode = '' FOR INSERT INTO t VALUES (10)`],
  },
  { name: 'locks', before: [], tries: ['LOCK TABLES t WRITE', 'INSERT INTO t VALUES (10)', 'UNLOCK TABLES'] },
  {
    name: 'rows of a temporary table',
    before: [],
    tries: ['CREATE TEMPORARY TABLE mine AS SELECT 10 AS n', 'INSERT INTO t SELECT n FROM mine'],
  },
];

/** By the part of an account behind `@`. */
export const drifts =
  (host: string): DatabasesUnderTest<'mariadb'>['drifts'] =>
  (database, login) => {
    const account = `${login}@${host}`;
    const all = `\`${database.replaceAll('_', String.raw`\_`)}\`.*`;
    return [
      { name: 'a right on its database', statements: [`GRANT CREATE, EVENT ON ${all} TO ${account}`] },
      { name: 'a right less', statements: [`REVOKE INSERT ON ${all} FROM ${account}`] },
      { name: 'no right at all', statements: [`REVOKE ALL PRIVILEGES ON ${all} FROM ${account}`] },
      { name: 'that it may hand on', statements: [`GRANT SELECT ON ${all} TO ${account} WITH GRANT OPTION`] },
      { name: 'a pattern', statements: [`GRANT SELECT ON \`d%\`.* TO ${account}`] },
      { name: 'a right everywhere', statements: [`GRANT SELECT, FILE ON *.* TO ${account}`] },
      { name: 'a right on a table', statements: [`GRANT SELECT ON mysql.global_priv TO ${account}`] },
      { name: 'a right on a column', statements: [`GRANT SELECT (User) ON mysql.db TO ${account}`] },
      {
        name: 'a role',
        statements: ['CREATE ROLE powers', `GRANT powers TO ${account}`, `SET DEFAULT ROLE powers FOR ${account}`],
      },
      { name: 'another password', statements: [`SET PASSWORD FOR ${account} = PASSWORD('by hand')`] },
      { name: 'another way in', statements: [`ALTER USER ${account} IDENTIFIED VIA unix_socket`] },
      {
        name: 'a second way in',
        statements: [`ALTER USER ${account} IDENTIFIED VIA mysql_native_password USING PASSWORD('x') OR unix_socket`],
      },
      {
        name: 'a second password',
        statements: [
          `ALTER USER ${account} IDENTIFIED VIA mysql_native_password USING PASSWORD('x') OR mysql_native_password USING PASSWORD('y')`,
        ],
      },
      { name: 'more sessions', statements: [`ALTER USER ${account} WITH MAX_USER_CONNECTIONS 500`] },
      { name: 'time without end', statements: [`ALTER USER ${account} WITH MAX_STATEMENT_TIME 0`] },
      { name: 'a limit', statements: [`ALTER USER ${account} WITH MAX_QUERIES_PER_HOUR 1000`] },
      { name: 'a lock', statements: [`ALTER USER ${account} ACCOUNT LOCK`] },
      { name: 'an expired password', statements: [`ALTER USER ${account} PASSWORD EXPIRE`] },
      {
        name: 'TLS, or none',
        statements: [`ALTER USER ${account} REQUIRE ${host === 'localhost' ? 'SSL' : 'NONE'}`],
      },
      { name: 'another character set', statements: [`ALTER DATABASE ${database} CHARACTER SET latin1`] },
      { name: 'no login', statements: [`DROP USER ${account}`] },
      { name: 'no database', statements: [`DROP DATABASE ${database}`] },
    ];
  };

const peeks = [
  'SHOW DATABASES',
  'SELECT * FROM information_schema.SCHEMATA',
  'SELECT * FROM information_schema.TABLES',
  'SELECT * FROM information_schema.PROCESSLIST',
  'SHOW FULL PROCESSLIST',
  'SELECT * FROM information_schema.USER_PRIVILEGES',
  'SELECT * FROM information_schema.SCHEMA_PRIVILEGES',
  'SELECT * FROM information_schema.INNODB_SYS_TABLES',
  'SELECT * FROM information_schema.INNODB_BUFFER_PAGE',
  'SELECT * FROM information_schema.INNODB_TRX',
  'SELECT * FROM information_schema.INNODB_SYS_TABLESPACES',
  'SELECT * FROM information_schema.TABLE_STATISTICS',
  'SELECT * FROM performance_schema.threads',
  'SELECT * FROM performance_schema.table_handles',
  'SELECT * FROM performance_schema.session_connect_attrs',
  'SELECT * FROM performance_schema.session_account_connect_attrs',
  'SELECT * FROM performance_schema.table_io_waits_summary_by_table',
  'SELECT * FROM performance_schema.events_statements_history_long',
  'SELECT * FROM sys.processlist',
  'SHOW OPEN TABLES',
  'SHOW ENGINE INNODB STATUS',
  'SHOW BINARY LOGS',
  'SELECT * FROM mysql.global_priv',
  'SELECT * FROM mysql.db',
  'SELECT * FROM mysql.innodb_table_stats',
  'SELECT * FROM mysql.general_log',
  'SELECT * FROM `wcp360-marks`.marks',
  'SHOW TABLES FROM dabone',
  'SHOW CREATE DATABASE dabone',
  'SHOW GRANTS FOR uabone@localhost',
  `SELECT LOAD_FILE('/etc/passwd')`,
];

/** What the laws of databases are tried with on a MariaDB. */
export const lawsOf = (tested: MariadbServer): DatabasesUnderTest<'mariadb'> => ({
  ...tested,
  passwordsByLogin: 2,
  own: { databases: ['mysql', 'sys', 'information_schema', 'performance_schema'], logins: ['root'] },
  driver: mariadbDriver,
  usual: { encoding: 'utf8mb4', collation: 'utf8mb4_unicode_ci' },
  extension: undefined,
  undumpable: ['CREATE TABLE gone (n integer)', 'CREATE VIEW lost AS SELECT n FROM gone', 'DROP TABLE gone'],
  lasting: {
    sleep: (seconds) => `SELECT SLEEP(${seconds})`,
    lift: 'SET SESSION max_statement_time = 0',
  },
  tricks,
  drifts: drifts('localhost'),
  peeks,
});
