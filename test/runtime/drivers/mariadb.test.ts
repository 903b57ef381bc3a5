import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import fc from 'fast-check';
import { createConnection } from 'mysql2/promise';
import { RefusedError, required } from '#runtime/base/errors.ts';
import type { DatabaseState, LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { createPatrol } from '#runtime/drivers/databases/patrol.ts';
import { createDatabaseSizes } from '#runtime/drivers/databases/sizes.ts';
import {
  hasHiddenTriggers,
  mariadbDriver,
  mariadbPaths,
  mariadbProgram,
  ownMariadb,
  startMariadb,
  stopMariadb,
} from '#runtime/drivers/mariadb/index.ts';
import { identifier, patternOf } from '#runtime/drivers/mariadb/statements.ts';
import { debianServer } from '#runtime/cmd/declared-server.ts';
import { adoptionContract } from '#test/contracts/database-adoption.ts';
import { networksContract } from '#test/contracts/database-networks.ts';
import { databasesContract, fullDiskLaw, usualLimits } from '#test/contracts/databases.ts';
import { databasesGround } from '#test/contracts/databases/ground.ts';
import { makersLaw } from '#test/contracts/databases/makers.ts';
import { reach } from '#test/contracts/driver.ts';
import { hostileServersContract } from '#test/contracts/hostile-servers.ts';
import { ownServersContract } from '#test/contracts/own-servers.ts';
import { elsewhereContract } from '#test/contracts/servers-elsewhere.ts';
import { until } from '#test/lab/instance.ts';
import {
  labSettings,
  openSession,
  openMariadb,
  openMariadbElsewhere,
  openMariadbOnNetwork,
} from '#test/lab/mariadb.ts';
import { drifts, lawsOf, tricks } from '#test/lab/mariadb-laws.ts';
import { run } from '#test/lab/run.ts';
import { elsewhereHost } from '#test/lab/server-elsewhere.ts';
import { realMachine } from '#test/runtime/host/machines.ts';

const server = await openMariadb(t);
const { world, signal } = server;
const driver = mariadbDriver;
const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };

await t.test('MariaDB keeps the laws of databases', async (t) => {
  await databasesContract(t, lawsOf(server));
});

await t.test('MariaDB keeps the laws of networks', async (t) => {
  const listening = await openMariadbOnNetwork(t);
  await networksContract(t, { ...lawsOf(listening), ...listening, stride: 3 });
});

await t.test('the MariaDB of a host runs as is wanted of it', async (t) => {
  const who = { user: 'u_one', password: 'a', database: 'd_one' };
  await ownServersContract(t, {
    name: 'mariadb',
    port: 3306,
    driver,
    usual: { encoding: 'utf8mb4', collation: 'utf8mb4_unicode_ci' },
    enter: async (address, ca) => await openSession({ ...who, address, ca }),
    enterBySocket: async (root) => await openSession({ ...who, socketPath: mariadbPaths(root).socket }),
    most: { statement: 'SELECT @@max_connections', of: String },
  });
});

await t.test('MariaDB keeps them on a server elsewhere', async (t) => {
  const elsewhere = await openMariadbElsewhere(t);
  const all = lawsOf(elsewhere);
  const { mariadb } = await server.host.capabilities(signal);
  const [major = '', minor] = required(mariadb, 'MariaDB').version.split('.');
  const remote = { ...all, origins: ['Anywhere'], drifts: drifts("'%'"), tricks: tricks.slice(0, 6), stride: 9 };
  await databasesContract(t, remote);
  await elsewhereContract(t, {
    ...remote,
    declared: { ...elsewhere.place, engine: 'MariaDB', port: 3306 },
    versions: { older: '10.10', same: `${major}.${minor}`, newer: String(Number(major) + 1) },
    theirs: {
      make: ['CREATE DATABASE theirs', 'CREATE USER theirs', 'GRANT ALL ON theirs.* TO theirs'],
      facts: `SELECT Host, Db, User FROM mysql.db WHERE User = 'theirs' UNION SELECT Host, '', Priv FROM mysql.global_priv WHERE User = 'theirs'`,
      drop: ['DROP DATABASE theirs', 'DROP USER theirs'],
    },
    closed: ['theirs', 'mysql', 'wcp360-marks', 'd_two'],
    // Nothing lets everybody in there.
    open: [],
    clerk: {
      make: [`CREATE USER clerk IDENTIFIED BY 'clerk'`, 'GRANT ALL ON *.* TO clerk'],
      drop: ['DROP USER clerk'],
    },
  });
  await hostileServersContract(t, {
    engine: 'MariaDB',
    host: ownMariadb(elsewhere.host),
    observe: async (host) => await driver.observe({ ...elsewhere.world, host }, signal),
  });
  await t.test('over the network nobody is let in without TLS', async (t) => {
    elsewhere.passwords.set('tls', 'word');
    const u_one: LoginSettings = {
      password: { namespace: 'acme', name: 'u_one', key: 'tls' },
      grants: {},
      origins: ['Anywhere'],
      connections: 5,
      limits: usualLimits,
      isLocked: false,
    };
    await reach(driver, elsewhere.world, one, { databases: new Map(), logins: new Map([['u_one', u_one]]) });
    await (await elsewhere.login('u_one', 'word')).close();
    const plainly = { host: elsewhere.place.address, user: 'u_one', password: 'word' };
    await t.rejects(createConnection(plainly), /Access denied/);
    const admin = await elsewhere.admin();
    await admin.query('ALTER USER u_one REQUIRE NONE');
    await admin.close();
    const control = await createConnection(plainly);
    await control.end();
    await reach(driver, elsewhere.world, one, driver.nothing);
  });
  await t.test('a server without what keeps tenants apart is not used', async (t) => {
    const admin = await elsewhere.admin();
    for (const [variable, right, wrong] of [
      ['automatic_sp_privileges', '0', '1'],
      ['enforce_storage_engine', "'InnoDB'", 'NULL'],
    ] as const) {
      await admin.query(`SET GLOBAL ${variable} = ${wrong}`);
      const host = elsewhereHost(elsewhere.host, { ...elsewhere.place, engine: 'MariaDB', port: 3306 });
      await t.rejects(
        driver.observe({ ...elsewhere.world, host }, signal),
        /has to have in its configuration/,
        variable,
      );
      await admin.query(`SET GLOBAL ${variable} = ${right}`);
    }
    await admin.close();
  });
});

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

await t.test('MariaDB keeps the laws of taking over what others made', async (t) => {
  await adoptionContract(t, {
    ...lawsOf(server),
    make: [
      'CREATE DATABASE legacy CHARACTER SET latin1',
      `CREATE USER old@localhost IDENTIFIED BY 'old'`,
      'GRANT ALL ON legacy.* TO old@localhost',
    ],
    fill: ['CREATE TABLE goods (name varchar(20))', `INSERT INTO goods VALUES ('tea')`],
    release: ['REVOKE ALL ON legacy.* FROM old@localhost'],
    drop: ['DROP USER old@localhost'],
    obstacles: [
      { name: 'rights of others', make: [], drop: [] },
      {
        name: 'rights on all that are called alike',
        make: ['REVOKE ALL ON legacy.* FROM old@localhost', 'GRANT ALL ON `leg%`.* TO old@localhost'],
        drop: ['REVOKE ALL ON `leg%`.* FROM old@localhost', 'GRANT ALL ON legacy.* TO old@localhost'],
      },
      {
        name: 'a foreign key into another',
        make: [
          'CREATE DATABASE elsewhere',
          'CREATE TABLE elsewhere.parent (n integer PRIMARY KEY)',
          'CREATE TABLE child (n integer, FOREIGN KEY (n) REFERENCES elsewhere.parent (n))',
        ],
        drop: ['DROP TABLE child', 'DROP DATABASE elsewhere'],
      },
      { name: 'a view', make: ['CREATE VIEW v AS SELECT 1 AS n'], drop: ['DROP VIEW v'] },
      { name: 'a routine', make: ['CREATE PROCEDURE p() SELECT 1'], drop: ['DROP PROCEDURE p'] },
      {
        name: 'a trigger',
        make: ['CREATE TRIGGER g BEFORE INSERT ON goods FOR EACH ROW SET @n = 1'],
        drop: ['DROP TRIGGER g'],
      },
    ],
  });
});

await t.test('the server of Debian’s package is used by its socket', async (t) => {
  const neighbour = { name: 'own', engine: 'MariaDB', versions: {} } as const;
  const means = { readProgramText: server.host.readProgramText, machine: server.host };
  const way = { socketDirectory: mariadbPaths(server.host.root).run, socketFile: 'mariadb.sock' };
  const there = { ...world, host: debianServer(neighbour, means, way) };
  await reach(driver, there, one, aState({ d_one: 'Open' }, { u_one: { grants: { d_one: 'Owner' } } }));
  const session = await server.login('u_one', 'word', 'd_one');
  t.same(await session.query('SELECT 1'), [['1']]);
  await session.close();
  t.match(await text(Readable.from(driver.dump('d_one', there, signal))), /-- Dump completed/);
  await reach(driver, there, one, driver.nothing);
});

await t.test('a disk without room is told, harms nobody, and all is made once there is some', async (t) => {
  const small = await openMariadb(t, { diskBytes: 256 << 20 });
  const usual = { encoding: 'utf8mb4', collation: 'utf8mb4_unicode_ci' };
  const large = `CREATE TABLE more AS SELECT repeat('x', 1000) AS x FROM seq_1_to_2000`;
  await fullDiskLaw(t, { ...small, driver, usual }, { disk: required(small.disk, 'a disk'), large });
});

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
    const options = [
      '--no-defaults',
      `--socket=${server.socket}`,
      '--skip-ssl',
      '--user=u_one',
      `--password=${password}`,
    ];
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
  const here = { ...world, host: ownMariadb(host) };
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

await t.test('a dump takes as long as it is read, and no other statement does', async (t) => {
  const limits = { ...usualLimits, statementTimeoutMs: 500 };
  await go(aState({ d_one: 'Open' }, { u_one: { grants: { d_one: 'Owner' }, limits } }));
  const owner = await server.login('u_one', 'word', 'd_one');
  const rows = Array.from({ length: 800 }, () => `('${randomBytes(15_000).toString('base64')}')`).join(', ');
  const unhurried = 'SET max_statement_time = 0';
  for (const statement of [unhurried, 'CREATE TABLE t (s text)', `INSERT INTO t VALUES ${rows}`])
    await owner.query(statement);
  const login = { database: 'd_one', username: 'u_one', password: 'word' };
  const { command, variables } = mariadbProgram(await world.host.way(65_534, signal), login, 'dump');
  const patrol = createPatrol({ sizes: createDatabaseSizes(), everyMs: 1, clock: systemClock });
  const patrolled = { ...world, patrol };
  const over = patrol.dumping('mariadb', 'u_one');
  const program = server.host.startProgram(command, { environment: variables, uid: 65_534 }, signal);
  const isOverlong = async (): Promise<boolean> =>
    (
      await owner.query(
        `SELECT ID FROM information_schema.PROCESSLIST WHERE TIME_MS > 6000 AND INFO LIKE 'SELECT%FROM \`t\`%'`,
      )
    ).length > 0;
  await until(isOverlong, 'the dump to take long');
  t.equal(await driver.endOverlong(patrolled, signal), 0);
  const elsewhere = { ...world, isServedHere: () => false };
  t.equal(await driver.endOverlong(elsewhere, signal), 0, 'another host, which knows of no dump');
  const sly = await server.login('u_one', 'word', 'd_one');
  await sly.query(unhurried);
  const ended = t.rejects(sly.query('SELECT sleep(60)'), 'what is no dump is ended meanwhile');
  await until(async () => (await driver.endOverlong(patrolled, signal)) === 1, 'the other to be found');
  await ended;
  await sly.close().catch(() => undefined);
  t.match(await text(program.stdout), /-- Dump completed/);
  await program.ended;
  over();
  const again = server.host.startProgram(command, { environment: variables, uid: 65_534 }, signal);
  await until(
    async () => (await driver.endOverlong(patrolled, signal)) === 1,
    'what says nothing of a dump to be found',
  );
  again.stdout.resume();
  await t.rejects(again.ended);
  await owner.close();
  await go(driver.nothing);
});

await makersLaw(t, databasesGround(lawsOf(server)));

await t.test('text of routines, views and triggers is a part of what a database holds', async (t) => {
  const logins = { u_one: { grants: { d_one: 'Owner' } } } as const;
  const bytes = async (): Promise<number> =>
    (await driver.measure(world, signal)).find(({ name }) => name === 'd_one')?.bytes ?? Number.NaN;
  const long = `'${'x'.repeat(4 << 20)}'`;
  const does = async (statement: string): Promise<void> => {
    const owner = await server.login('u_one', 'word', 'd_one');
    try {
      await owner.query(statement);
    } finally {
      await owner.close();
    }
  };
  await go(aState({ d_one: 'Open' }, logins));
  await does('CREATE TABLE t (s longtext)');
  for (const [thing, statement, end] of [
    ['a routine', `CREATE PROCEDURE p() SELECT ${long}`, 'DROP PROCEDURE p'],
    ['a function', `CREATE FUNCTION f() RETURNS integer RETURN length(${long})`, 'DROP FUNCTION f'],
    ['a view', `CREATE VIEW v AS SELECT ${long} AS s`, 'DROP VIEW v'],
    ['a trigger', `CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.s = ${long}`, 'DROP TRIGGER g'],
  ] as const) {
    const before = await bytes();
    await does(statement);
    const now = await bytes();
    t.ok(now - before > 4 << 20, `${thing}: ${before} + ${now - before} bytes`);
    t.equal(await bytes(), now);
    await does(end);
    t.equal(await bytes(), before, 'and no more when it is gone');
    await go(aState({ d_one: 'Full' }, logins));
    await t.rejects(does(statement), 'a full one has no more of it');
    await go(aState({ d_one: 'Open' }, logins));
  }
  await go(driver.nothing);
});

await t.test('temporary tables of all together take no more of the disk than they may', async (t) => {
  const most = server.settings.temporaryBytes;
  const logins = { u_one: { grants: { d_one: 'ReadWrite' } }, u_two: { grants: { d_one: 'Owner' } } } as const;
  await go(aState({ d_one: 'Open' }, logins));
  const file = `${mariadbPaths(server.settings.root).data}/ibtmp1`;
  const bytes = async (): Promise<number> => (await server.host.facts(file, signal))?.sizeBytes ?? Number.NaN;
  const session = await server.login('u_one', 'word', 'd_one');
  const fill = `CREATE TEMPORARY TABLE large AS SELECT repeat('x', 1000) AS x FROM seq_1_to_100000`;
  await t.rejects(session.query(fill), /is full/);
  t.ok((await bytes()) <= most, `${await bytes()} of ${most} bytes`);
  const other = await server.login('u_two', 'word', 'd_one');
  await other.query(fill.replace('TEMPORARY ', ''));
  t.same(
    await other.query('SELECT count(*) FROM large'),
    [['100000']],
    'the control: what is no temporary one has room',
  );
  await session.query(fill.replace('100000', '1000'));
  await session.query('SET SESSION tmp_disk_table_size = 1 << 40');
  t.same(await session.query('SELECT @@tmp_disk_table_size'), [[String(most)]], 'a session may not have more');
  for (const each of [session, other]) await each.close();
  await go(driver.nothing);
});

await t.test('who may not see triggers is told before it dumps without them', async (t) => {
  const grants = { u_one: { grants: { d_one: 'Owner' } }, u_rows: { grants: { d_one: 'ReadWrite' } } } as const;
  const isHidden = async (username: string) =>
    await hasHiddenTriggers({ database: 'd_one', username }, world.host, signal);
  await go(aState({ d_one: 'Open' }, grants));
  t.equal(await isHidden('u_rows'), false, 'there are none');
  const owner = await server.login('u_one', 'word', 'd_one');
  await owner.query('CREATE TABLE t (n integer)');
  await owner.query('CREATE TRIGGER counted BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 1');
  await owner.close();
  t.same([await isHidden('u_rows'), await isHidden('u_one')], [true, false]);
  await go(aState({ d_one: 'Full' }, grants));
  t.equal(await isHidden('u_one'), true);
  await go(driver.nothing);
});
