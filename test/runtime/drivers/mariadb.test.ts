import { existsSync } from 'node:fs';
import t from 'tap';
import fc from 'fast-check';
import { RefusedError } from '#runtime/base/errors.ts';
import type { DatabaseState, LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { mariadbDriver, mariadbPaths, startMariadb, stopMariadb } from '#runtime/drivers/mariadb/index.ts';
import { identifier, patternOf } from '#runtime/drivers/mariadb/statements.ts';
import { databasesContract, usualLimits, type DatabasesUnderTest } from '#test/contracts/databases.ts';
import { reach } from '#test/contracts/driver.ts';
import { until } from '#test/lab/instance.ts';
import { labSettings, openMariadb } from '#test/lab/mariadb.ts';
import { run } from '#test/lab/run.ts';
import { realMachine } from '#test/runtime/host/machines.ts';

const server = await openMariadb(t);
const { world, signal } = server;
const driver = mariadbDriver;

/** Each makes `t` larger while it may. */
const tricks: DatabasesUnderTest<'mariadb'>['tricks'] = [
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

const drifts: DatabasesUnderTest<'mariadb'>['drifts'] = (database, login) => {
  const account = `${login}@localhost`;
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
    { name: 'TLS', statements: [`ALTER USER ${account} REQUIRE SSL`] },
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

await t.test('MariaDB keeps the laws of databases', async (t) => {
  const usual = { encoding: 'utf8mb4', collation: 'utf8mb4_unicode_ci' };
  const lasting = {
    sleep: (seconds: number) => `SELECT SLEEP(${seconds})`,
    lift: 'SET SESSION max_statement_time = 0',
  };
  await databasesContract(t, {
    ...server,
    passwordsByLogin: 2,
    driver,
    usual,
    extension: undefined,
    tricks,
    drifts,
    lasting,
    peeks,
  });
});

const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };
const go = async (state: DatabaseState, owner = one) => await reach(driver, world, owner, state);
let versions = 0;

/** Databases that are open, and logins whose password is `word`. */
function aState(
  databases: Readonly<Record<string, 'Open' | 'Full' | 'Closed'>>,
  logins: Readonly<Record<string, Partial<LoginSettings>>> = {},
): DatabaseState {
  const usual = { encoding: 'utf8mb4', collation: 'utf8mb4_unicode_ci', extensions: [] };
  const settings = (name: string, more: Partial<LoginSettings>): LoginSettings => {
    const key = `p${String((versions += 1))}`;
    server.passwords.set(key, 'word');
    return {
      password: { namespace: 'acme', name, key },
      grants: {},
      connections: 5,
      limits: usualLimits,
      isLocked: false,
      ...more,
    };
  };
  return {
    databases: new Map(Object.entries(databases).map(([name, access]) => [name, { ...usual, access }])),
    logins: new Map(Object.entries(logins).map(([name, more]) => [name, settings(name, more)])),
  };
}

await t.test('any text is one name', async (t) => {
  const admin = await server.admin();
  const names = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 }),
    fc.constantFrom('`', '``', '\\', '\\`', "'", '"', '%', '_', '`; DROP DATABASE mysql; -- ', '/*', '--', 'a`.`b'),
  );
  let count = 0;
  for (const mode of ['', 'ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES', 'ANSI,ORACLE']) {
    await admin.query(`SET SESSION sql_mode = '${mode}'`);
    await fc.assert(
      fc.asyncProperty(names, async (text) => {
        // A name ends with no space, and has neither NUL nor what UTF-16 writes as two.
        const name = `${text.toWellFormed().replaceAll(/[\0\u{10000}-\u{10ffff}]/gu, '')}.`;
        const rows = await admin.query(`SELECT n.${identifier(name)} FROM (SELECT 7 AS ${identifier(name)}) AS n`);
        t.same(rows, [['7']]);
        count += 1;
      }),
      { numRuns: 60, seed: 1 },
    );
  }
  await admin.close();
  t.comment(`${count} names`);
});

await t.test('a pattern means one database, and no other', async (t) => {
  const admin = await server.admin();
  await admin.query(`CREATE USER pattern@localhost IDENTIFIED BY 'word'`);
  const letters = fc.string({
    unit: fc.constantFrom('a', 'b', '_', '%', '\\', '`', '.', '-'),
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(letters, { minLength: 2, maxLength: 5 }), async (texts) => {
      const names = texts.map((text) => `p${text}`);
      for (const name of names) await admin.query(`CREATE DATABASE ${identifier(name)}`);
      await admin.query(`GRANT SELECT ON ${identifier(patternOf(names[0] ?? ''))}.* TO pattern@localhost`);
      const session = await server.login('pattern', 'word');
      const seen = (await session.query('SHOW DATABASES')).flat().filter((name) => name !== 'information_schema');
      await session.close();
      await admin.query(`REVOKE SELECT ON ${identifier(patternOf(names[0] ?? ''))}.* FROM pattern@localhost`);
      for (const name of names) await admin.query(`DROP DATABASE ${identifier(name)}`);
      t.same(seen, [names[0]], names.join(' '));
    }),
    { numRuns: 40, seed: 1 },
  );
  await admin.query('DROP USER pattern@localhost');
  await admin.close();
});

await t.test('a session goes with the rights it came with, whatever routine it is in', async (t) => {
  const both = { grants: { d_one: 'Owner', d_two: 'Owner' } } as const;
  const logins = { u_one: both, u_two: { grants: { d_two: 'Owner' } } } as const;
  const states = {
    open: aState({ d_one: 'Open', d_two: 'Open' }, logins),
    full: aState({ d_one: 'Full', d_two: 'Open' }, logins),
    locked: aState({ d_one: 'Open', d_two: 'Open' }, { ...logins, u_one: { ...both, isLocked: true } }),
  };
  /** `u_one` waits in a routine of `u_two`, and writes when it is back. */
  const waiting = async () => {
    const session = await server.login('u_one', 'word', 'd_one');
    const call = session.query('BEGIN NOT ATOMIC CALL d_two.waits(); INSERT INTO d_one.t VALUES (1); END');
    const done = call.then(
      () => 'written',
      () => 'ended',
    );
    const admin = await server.admin();
    const sleeper = `SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'`;
    await until(async () => (await admin.query(sleeper)).length > 0, 'the session to be in the routine');
    return { done, admin, close: async () => await session.close().catch(() => undefined) };
  };
  await go(states.open);
  const maker = await server.login('u_two', 'word', 'd_two');
  await maker.query('CREATE PROCEDURE waits() DO SLEEP(3)');
  await maker.close();
  const owner = await server.login('u_one', 'word', 'd_one');
  await owner.query('CREATE TABLE t (n integer)');
  await owner.close();
  // The control: neither a lock nor the loss of a right reaches it, and KILL looks for whose rights it uses.
  const control = await waiting();
  await control.admin.query('ALTER USER u_one@localhost ACCOUNT LOCK');
  await control.admin.query('REVOKE INSERT ON `d\\_one`.* FROM u_one@localhost');
  await control.admin.query('KILL USER u_one@localhost').catch(() => undefined);
  t.equal(await control.done, 'written');
  await control.admin.close();
  await control.close();
  for (const state of ['full', 'locked'] as const) {
    await go(states.open);
    const { done, admin, close } = await waiting();
    await go(states[state]);
    t.equal(await done, 'ended', state);
    t.same(await admin.query('SELECT count(*) FROM d_one.t'), [['1']]);
    await admin.close();
    await close();
  }
  await go(driver.nothing);
});

await t.test('what reaches beyond a database is refused to its owner', async (t) => {
  await go(aState({ d_one: 'Open' }, { u_one: { grants: { d_one: 'Owner' } } }));
  const session = await server.login('u_one', 'word', 'd_one');
  await session.query('CREATE TABLE t (n integer)');
  for (const statement of [
    `SELECT 1 INTO OUTFILE '${server.settings.root}/databases/mariadb/run/out'`,
    `LOAD DATA INFILE '/etc/passwd' INTO TABLE t`,
    'GRANT SELECT ON d_one.* TO u_one@localhost',
    'CREATE EVENT later ON SCHEDULE EVERY 1 SECOND DO INSERT INTO t VALUES (1)',
    'CREATE DEFINER=root@localhost PROCEDURE p() SELECT 1',
    'CREATE DEFINER=root@localhost VIEW v AS SELECT 1',
    'SET GLOBAL general_log = 0',
    `SET SESSION enforce_storage_engine = 'MyISAM'`,
    'SET SESSION sql_log_bin = 0',
    `INSTALL SONAME 'ha_federatedx'`,
    `CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')`,
    "CREATE FUNCTION f RETURNS STRING SONAME 'libc.so'",
    'ALTER USER u_one@localhost WITH MAX_USER_CONNECTIONS 500',
    'ALTER USER u_one@localhost IDENTIFIED VIA unix_socket',
    'SET ROLE powers',
    'KILL 1',
    'SHUTDOWN',
    'FLUSH TABLES WITH READ LOCK',
    "PURGE BINARY LOGS TO 'x'",
  ])
    await t.rejects(session.query(statement), statement);
  await session.query(`CREATE TABLE away (n integer) DATA DIRECTORY='/dev/shm'`);
  t.notOk(existsSync('/dev/shm/d_one'), 'no table lies elsewhere');
  for (const engine of ['MyISAM', 'MERGE', 'Aria', 'MEMORY', 'CSV', 'ARCHIVE'])
    await session.query(`CREATE TABLE of_${engine} (n integer NOT NULL) ENGINE=${engine}`);
  t.same(await session.query(`SELECT DISTINCT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'd_one'`), [
    ['InnoDB'],
  ]);
  await session.close();
  const sessions = await Promise.allSettled(Array.from({ length: 6 }, async () => await server.login('u_one', 'word')));
  const open = sessions.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  t.equal(open.length, 5, 'no more sessions than it may have');
  for (const each of open) await each.close();
  const none = aState({ d_one: 'Open' }, { u_one: { connections: 0 } });
  await go(none);
  await t.rejects(server.login('u_one', 'word'), 'none is none');
  t.same(await go(none), []);
  await go(driver.nothing);
});

await t.test('what a prepared transaction holds is dropped once it is let go', async (t) => {
  await go(aState({ d_one: 'Open' }, { u_one: { grants: { d_one: 'Owner' } } }));
  const session = await server.login('u_one', 'word', 'd_one');
  for (const statement of ['CREATE TABLE t (n integer)', `XA START 'x'`, 'INSERT INTO t VALUES (1)', `XA END 'x'`])
    await session.query(statement);
  await session.query(`XA PREPARE 'x'`);
  await session.close();
  await t.rejects(go(driver.nothing), { code: 'WCP_HOST', message: /Lock wait timeout/ });
  await t.rejects(server.login('u_one', 'word', 'd_one'), 'nobody is let in meanwhile');
  const admin = await server.admin();
  await admin.query(`XA ROLLBACK 'x'`);
  await admin.close();
  await go(driver.nothing);
  t.same((await driver.observe(world, signal)).databases.byOwner, new Map());
});

await t.test('PHP and the client of Debian log in and work by either of two passwords', async (t) => {
  const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index));
  server.passwords.set('printable', printable);
  const otherPassword = { namespace: 'acme', name: 'shop', key: 'printable' };
  await go(aState({ d_one: 'Open' }, { u_one: { grants: { d_one: 'Owner' }, otherPassword } }));
  const program = `
    [, $socket, $password] = $argv;
    $db = new mysqli(null, 'u_one', $password, 'd_one', null, $socket);
    $db->query('CREATE OR REPLACE TABLE t (n integer)');
    $db->query('INSERT INTO t VALUES (5)');
    $pdo = new PDO("mysql:unix_socket=$socket;dbname=d_one", 'u_one', $password);
    echo $pdo->query('SELECT n FROM t')->fetchColumn();`;
  for (const password of ['word', printable]) {
    const { stdout, stderr } = await run(['/usr/bin/php8.2', '-r', program, server.socket, password]);
    t.equal(`${stdout}${stderr}`, '5');
    const options = ['--no-defaults', `--socket=${server.socket}`, '--user=u_one', `--password=${password}`];
    const asked = await run(['/usr/bin/mariadb', ...options, '--batch', '--execute=SELECT n FROM t', 'd_one']);
    t.match(asked, { exitCode: 0, stdout: 'n\n5\n' });
  }
  const wrong = await run(['/usr/bin/php8.2', '-r', program, server.socket, `${printable}.`]);
  t.match(`${wrong.stdout}${wrong.stderr}`, 'Access denied');
  await go(driver.nothing);
});

await t.test('only root becomes the administrator, and only on this machine', async (t) => {
  const client = (uid: number, ...options: readonly string[]) =>
    run([
      '/usr/bin/setpriv',
      `--reuid=${uid}`,
      `--regid=${uid}`,
      '--clear-groups',
      '/usr/bin/mariadb',
      '--no-defaults',
      `--socket=${server.socket}`,
      ...options,
      '--batch',
      '--execute=SELECT CURRENT_USER()',
    ]);
  t.match((await client(0)).stdout, 'root@localhost', 'the control');
  for (const uid of [20_001, server.settings.uid])
    for (const user of ['root', 'mysql', 'mariadb.sys', '', 'PUBLIC'])
      t.not((await client(uid, `--user=${user}`)).exitCode, 0, `${uid} as ${user}`);
  const { pid } = (await server.host.services.get('mariadb', signal)) ?? {};
  const { stdout } = await run(['/usr/bin/ss', '--tcp', '--udp', '--listening', '--processes', '--numeric']);
  t.notMatch(stdout, `pid=${pid},`);
});

await t.test('nothing is written or started anew when all stands', async (t) => {
  const seen = async () => {
    const { pid } = (await server.host.services.get('mariadb', signal)) ?? {};
    const { configuration } = mariadbPaths(server.settings.root);
    return { pid, configuration: await server.host.facts(configuration, signal) };
  };
  const before = await seen();
  await startMariadb(server.host, server.settings, signal);
  t.same(await seen(), before);
  await startMariadb(server.host, { ...server.settings, connections: 61 }, signal);
  t.not((await seen()).pid, before.pid, 'with other settings it is another one');
});

await t.test('a data directory that was half made is made anew, and a host without one has nothing', async (t) => {
  const machine = await realMachine();
  t.teardown(async () => await machine.close());
  const { host } = machine;
  const here = { ...world, host };
  t.equal((await driver.observe(here, signal)).databases.found.size, 0);
  await t.rejects(reach(driver, here, one, aState({ d_one: 'Open' })), RefusedError);
  const settings = labSettings(host.root, server.settings);
  const { data } = mariadbPaths(host.root);
  const killed = new AbortController();
  const started = startMariadb(host, settings, killed.signal);
  await until(async () => await host.facts(`${data}.new/mysql`, signal), 'the data directory to be half made');
  killed.abort();
  await t.rejects(started);
  t.equal(await host.facts(data, signal), undefined);
  await startMariadb(host, settings, signal);
  await reach(driver, here, one, aState({ d_one: 'Open' }));
  await stopMariadb(host, signal);
  t.equal(await host.services.get('mariadb', signal), undefined);
  await startMariadb(host, settings, signal);
  t.ok((await driver.observe(here, signal)).databases.found.has('d_one'), 'what it had stays');
});
