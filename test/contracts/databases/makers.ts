import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Test } from 'tap';
import { required } from '#runtime/base/errors.ts';
import { dumpFileOf } from '#runtime/drivers/databases/server-host.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import { keeper, other, signal, type DatabasesGround } from './ground.ts';

/** Of MariaDB: with whose rights things run that were in a file. */
export async function makersLaw(t: Test, ground: DatabasesGround<'mariadb'>): Promise<void> {
  await t.test('what comes back from a file runs with the rights of who made it, or stays a file', async (t) => {
    const { under, world, go, goThrough, settings, login, state, clear, does, forgetJobs } = ground;
    const { host } = under;
    const open = { ...state({ d_one: settings() }), heirTo: 'RetainedData/database.acme.shop.' };
    const kept = { ...state({}), kept: new Map([['d_one', ownerId(keeper)]]) };
    const asFile = { ...kept, dumped: new Set(['d_one']) };
    const users = state({}, [login('u_one', 'a', { d_one: 'Owner' }), login('u_two', 'b', { d_one: 'Owner' })]);
    const facts = async (): Promise<unknown> => {
      const admin = await under.admin();
      const rows = await admin.query(`SELECT name, type, definer, body, sql_mode FROM mysql.proc WHERE db = 'd_one'
        UNION SELECT TABLE_NAME, SECURITY_TYPE, DEFINER, VIEW_DEFINITION, CHECK_OPTION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'd_one'
        UNION SELECT TRIGGER_NAME, ACTION_ORDER, DEFINER, ACTION_STATEMENT, SQL_MODE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'd_one' ORDER BY 1, 2`);
      await admin.close();
      return rows;
    };
    await go(open);
    await go(users, other);
    for (const [who, ...statements] of [
      [
        'u_one a',
        'CREATE TABLE t (n integer)',
        `CREATE VIEW base AS SELECT '${"`d_one`.`t`.`n` it''s é ".repeat(50)}' AS word, n FROM t WHERE n > 0 WITH CHECK OPTION`,
        'CREATE PROCEDURE says() SQL SECURITY INVOKER BEGIN /* a word */ SELECT 1; -- another\nEND',
        'CREATE TRIGGER last BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 10 * NEW.n',
        `CREATE FUNCTION twice(n integer) RETURNS integer DETERMINISTIC COMMENT 'é' RETURN 2 * n`,
      ],
      [
        'u_two b',
        "CREATE VIEW a AS SELECT n + 1 AS n, '`d_one`.`base`' AS word FROM base",
        'CREATE VIEW z AS SELECT max(n) AS n FROM a',
        "SET sql_mode = 'ANSI_QUOTES'",
        'CREATE TRIGGER first BEFORE INSERT ON t FOR EACH ROW SET NEW."n" = NEW.n + 1',
        "SET sql_mode = 'ORACLE'",
        'CREATE PACKAGE tools AS FUNCTION one RETURN int; END',
        'CREATE PACKAGE BODY tools AS FUNCTION one RETURN int AS BEGIN RETURN 1; END; END',
        'INSERT INTO t VALUES (1)',
      ],
    ] as const) {
      const [name = '', password = ''] = who.split(' ');
      await does([name, password, 'd_one'], ...statements);
    }
    const held = await facts();
    t.match(JSON.stringify(held), /u_one@localhost.*u_two@localhost/);
    await go(kept);
    await goThrough(asFile, keeper);
    await goThrough(open);
    await go(users, other);
    t.same(await facts(), held);
    t.same(await does(['u_one', 'a', 'd_one'], 'INSERT INTO t VALUES (1)', 'SELECT n FROM z'), [['12']]);

    await go(kept);
    await goThrough(asFile, keeper);
    const path = dumpFileOf('mariadb', world.host, 'd_one');
    const whole = await buffer(required(await host.openFile(path, signal), path));
    const put = async (bytes: Buffer): Promise<void> =>
      await host.replaceFileWith(path, Readable.from([bytes]), { mode: 0o600, uid: 0, gid: 0 }, signal);
    for (const [one, another] of [
      ['RETURN 2 * n', 'RETURN 3 * n'],
      ['NEW.n + 1', 'NEW.n + 2'],
      ['max(`a`.`n`)', 'min(`a`.`n`)'],
    ] as const) {
      const plain = gunzipSync(whole).toString();
      t.ok(plain.includes(one), one);
      await put(gzipSync(plain.replaceAll(one, another)));
      await t.rejects(goThrough(open), / in place of “(routine|trigger|view) .* The dump stays/, another);
      const found = JSON.stringify(await facts());
      t.ok(found.includes(another), 'it was restored, and is nobody’s');
      t.notOk(found.split('],[').some((each) => each.includes(another) && /u_(one|two)@/.test(each)));
      await forgetJobs();
    }
    await put(whole);
    await goThrough(open);
    t.same(await facts(), held);

    const admin = await under.admin();
    await admin.query('CREATE DEFINER=root@localhost PROCEDURE d_one.ours() SELECT 1');
    await admin.close();
    await go(kept);
    await t.rejects(goThrough(asFile, keeper), /routine ours is by root@localhost, who is no DatabaseUser/);
    await goThrough(open);
    await clear();
  });
}
