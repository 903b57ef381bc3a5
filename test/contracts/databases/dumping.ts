import { randomBytes } from 'node:crypto';
import { existsSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Test } from 'tap';
import { PostponedError, required } from '#runtime/base/errors.ts';
import { takeDump } from '#runtime/drivers/databases/dump.ts';
import type { DatabaseAction, DatabaseState } from '#runtime/drivers/databases/model.ts';
import { contentsFileOf, dumpFileOf, machineOf } from '#runtime/drivers/databases/server-host.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import { reach } from '#test/contracts/driver.ts';
import { until } from '#test/lab/instance.ts';
import { labIntake, labTenant } from '#test/lab/intake.ts';
import { digest, riches, use } from '#test/lab/database-samples.ts';
import { keeper, one, other, signal, type DatabasesGround } from './ground.ts';

/** What is dumped, becomes a file, and is made of one again. */
export async function dumpingLaws<Name extends string>(t: Test, ground: DatabasesGround<Name>): Promise<void> {
  const { under, driver, world, go, planned, settings, login, state, clear, does, goThrough, jobDone, forgetJobs } =
    ground;
  const { host } = under;
  const engine = driver.name === 'postgresql' ? 'PostgreSQL' : 'MariaDB';
  const who = ['u_one', 'a', 'd_one'] as const;
  const extensions = under.extension === undefined ? [] : [under.extension];
  const open = (): DatabaseState => ({
    ...state({ d_one: settings('Open', extensions) }),
    heirTo: 'RetainedData/database.acme.shop.',
  });
  const users = (): DatabaseState =>
    state({}, [login('u_one', 'a', { d_one: 'Owner' }), login('u_rows', 'b', { d_one: 'ReadWrite' })]);
  const kept = (): DatabaseState => ({ ...state({}), kept: new Map([['d_one', ownerId(keeper)]]) });
  const asFile = (): DatabaseState => ({ ...kept(), dumped: new Set(['d_one']) });
  const path = dumpFileOf(driver.name, world.host, 'd_one');
  const facts = async () => await host.facts(path, signal);
  const databases = async (): Promise<string> => {
    const admin = await under.admin();
    const rows = await admin.query(engine === 'PostgreSQL' ? 'SELECT datname FROM pg_database' : 'SHOW DATABASES');
    await admin.close();
    return rows.flat().join(' ');
  };
  const begin = async (): Promise<void> => {
    await go(open());
    await go(users(), other);
    await does(who, ...riches[engine]);
  };
  const giveBack = async (): Promise<void> => {
    await goThrough(open());
    await go(users(), other);
  };

  await t.test('a dump holds all that is there, whoever made it, and nothing of ours', async (each) => {
    await begin();
    const dumped = async (): Promise<string> => await text(Readable.from(driver.dump('d_one', world, signal)));
    const all = await dumped();
    for (const [thing] of riches[engine]
      .join(';')
      .matchAll(/(?<=CREATE (?:TABLE|VIEW|FUNCTION|TRIGGER) (?:more\.)?)\w+/g))
      each.match(all, thing);
    each.notMatch(all, /wcp360/);
    await go({ ...open(), ...state({ d_one: settings('Full', extensions) }) });
    each.equal(comparable(await dumped()), comparable(all), 'also of a full one');
    await each.rejects(text(Readable.from(driver.dump('d_none', world, signal))));
    await clear();
  });

  await t.test('what is to be a file is one, and gone from the server; its heir has all of it again', async (each) => {
    await begin();
    const held = await does(who, digest[engine]);
    await go(kept());
    each.strictSame(await planned(asFile()), [], 'not before it is its own');
    await goThrough(asFile(), keeper);
    each.strictSame(await planned(asFile(), keeper), []);
    each.strictSame(await planned(kept(), keeper), []);
    each.notMatch(await databases(), /d_one/);
    each.match(await facts(), { type: 'file', mode: 0o600, uid: 0, gid: 0 });
    await each.rejects(under.login(...who));
    await each.rejects(goThrough(state({ d_one: settings() })), /somebody else|not ours/, 'nobody else has it');
    await giveBack();
    each.strictSame(await planned(open()), []);
    each.strictSame(await planned(driver.nothing, keeper), [], 'who kept it has nothing to drop');
    each.equal(await facts(), undefined);
    each.notMatch(await databases(), /d_one.(copy|filler)/);
    each.same(await does(who, digest[engine]), held);
    for (const statement of use[engine]) each.not((await does(who, statement)).length, 0, statement);
    await does(who, 'ALTER TABLE riches ADD COLUMN more integer', 'DELETE FROM riches');
    await does(['u_rows', 'b', 'd_one'], `INSERT INTO riches (n, words) VALUES (1, 'x')`);
    await clear();
  });

  await t.test('wherever dumping and restoring break, no row is lost', async (each) => {
    await go(open());
    await go(users(), other);
    await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (6)');
    let at = 0;
    const toFile = await ground.atEachBreak(async (broken) => {
      await giveBack();
      await go(kept());
      await broken(async () => await goThrough(asFile(), keeper));
      await forgetJobs();
      if (at % 2 === 0) {
        await goThrough(asFile(), keeper);
        each.notMatch(await databases(), /d_one/);
      }
      at += 1;
      await giveBack();
      each.notMatch(await databases(), /d_one.copy/);
      each.same(await does(who, 'SELECT n FROM t'), [['6']]);
    }, 4);
    const back = await ground.atEachBreak(async (broken) => {
      await giveBack();
      await go(kept());
      await goThrough(asFile(), keeper);
      await broken(async () => await goThrough(open()));
      await forgetJobs();
      await giveBack();
      each.strictSame(await planned(open()), []);
      each.same(await does(who, 'SELECT n FROM t'), [['6']]);
      each.notMatch(await databases(), /d_one.copy/);
      each.equal(await facts(), undefined);
    }, 4);
    each.ok(toFile > 10 && back > 6);
    each.comment(`${toFile} + ${back} points`);
    await clear();
  });

  /** What was planned for who kept it, at an earlier moment. */
  const late = async (op: string): Promise<void> => {
    const input = { name: 'd_one', owner: ownerId(keeper), heir: ownerId(keeper) };
    const action = { driver: driver.name, op, subject: '', reason: '', disruption: 'none', changes: [], input };
    await driver.apply(action as unknown as DatabaseAction<Name>, world, signal);
  };

  await t.test('while what is in a file is made a database again, who kept it leaves it alone', async (each) => {
    await go(open());
    await go(users(), other);
    await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (8)');
    await go(kept());
    await goThrough(asFile(), keeper);
    const [isAtWork, goesOn] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    const machine = machineOf(world.host);
    const openFile: typeof machine.openFile = async (...asked) => {
      isAtWork.resolve(undefined);
      await goesOn.promise;
      return await machine.openFile(...asked);
    };
    const slow = { ...world, host: { ...world.host, machine: { ...machine, openFile } } };
    await reach(driver, slow, one, open());
    await isAtWork.promise;
    for (const wanted of [kept(), asFile(), driver.nothing]) {
      each.strictSame(await planned(wanted, keeper), []);
      const found = driver.of(keeper, await driver.observe(world, signal));
      each.match(driver.waitsFor?.(keeper, wanted, found), /being restored/);
    }
    for (const op of ['keep-database', 'drop-database'])
      await each.rejects(late(op), /made from a file/, `${op}, planned before that began`);
    goesOn.resolve(undefined);
    each.equal(await jobDone(), undefined);
    each.strictSame(await planned(kept(), keeper), []);
    await giveBack();
    each.same(await does(who, 'SELECT n FROM t'), [['8']]);
    await clear();
  });

  await t.test('a file stays until a database holds all that was in it', async (each) => {
    await go(open());
    await go(users(), other);
    await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (9), (10)');
    await go(kept());
    await goThrough(asFile(), keeper);
    const ofRoot = { mode: 0o600, uid: 0, gid: 0 };
    const whole = await buffer(required(await host.openFile(path, signal), path));
    const put = async (bytes: Buffer): Promise<void> =>
      await host.replaceFileWith(path, Readable.from([bytes]), ofRoot, signal);
    const plain = gunzipSync(whole).toString();
    const less = plain.replace(engine === 'PostgreSQL' ? /^10\n/m : /,\s*\(10\)/, '');
    each.not(less, plain);
    await put(gzipSync(less));
    await each.rejects(goThrough(open()), /“1 rows of .*” in place of “2 rows of .*\bt"?”[.] The dump stays/);
    await forgetJobs();
    each.match(await facts(), { type: 'file' });
    await put(whole);
    await giveBack();
    each.same(await does(who, 'SELECT n FROM t ORDER BY n'), [['9'], ['10']]);
    each.equal(await host.facts(contentsFileOf(path), signal), undefined);
    await clear();
  });

  await t.test('of more things than are read at once each is compared, and comes back', async (each) => {
    await go(open());
    await go(users(), other);
    await does(who, many[engine]);
    await go(kept());
    await goThrough(asFile(), keeper);
    const whole = await buffer(required(await host.openFile(path, signal), path));
    const put = async (bytes: Buffer): Promise<void> =>
      await host.replaceFileWith(path, Readable.from([bytes]), { mode: 0o600, uid: 0, gid: 0 }, signal);
    const plain = gunzipSync(whole).toString();
    // In the order of their names it is the last.
    await put(gzipSync(plain.replaceAll(/\bf999\b(?=.?\()/g, 'f999x')));
    await each.rejects(goThrough(open()), /“.*f999x.*” in place of “.*f999\b/);
    await forgetJobs();
    await put(whole);
    await giveBack();
    each.same(await does(who, count[engine]), [['1050']]);
    await clear();
  });

  await t.test('a dump works with the server alone: it starts no program, and reads no file', async (each) => {
    await go(open());
    await go(kept());
    await goThrough(asFile(), keeper);
    const mark = `/tmp/wcp360-dump-${randomBytes(8).toString('hex')}`;
    const whole = await buffer(required(await host.openFile(path, signal), path));
    const put = async (bytes: Buffer): Promise<void> =>
      await host.replaceFileWith(path, Readable.from([bytes]), { mode: 0o600, uid: 0, gid: 0 }, signal);
    for (const command of [
      `\\! touch ${mark}`,
      '\\! true',
      `\\o ${mark}`,
      `\\T ${mark}`,
      '\\i /etc/passwd',
      '\\. /etc/passwd',
    ]) {
      await put(gzipSync(`${command}\nSELECT 1;\n${dumpEnd[engine]}`));
      await goThrough(open()).catch(() => undefined);
      each.equal(existsSync(mark), false, command);
      await forgetJobs();
      each.match(await planned(open()), [{ op: 'create-database' }], 'it is not restored');
    }
    await put(whole);
    await giveBack();
    each.strictSame(await planned(open()), []);
    await clear();
  });

  await t.test('what takes a dump in is the tenant’s, and sees the server’s socket alone', async (each) => {
    const look =
      'cat >/dev/null; echo "$(id -u) $(readlink /proc/self/ns/net) $(ls -1 $1 | tr "\\n" ,) $(ls -A $2)" >&2; exit 3';
    const way = await world.host.way(labTenant.uid, signal);
    const { socketDirectory } = way;
    const command = ['/bin/sh', '-c', look, 'look', dirname(socketDirectory), socketDirectory];
    const form = { end: /./, mapLine: () => undefined };
    const taking = { form, way, program: { command, variables: {} }, seat: labTenant, processes: labIntake.processes };
    const inside: unknown = await takeDump(Readable.from([Buffer.from('x')]), taking, signal).catch(
      (err: unknown) => err,
    );
    const words = inside instanceof Error ? inside.message : '';
    const here = readlinkSync('/proc/self/ns/net');
    const seen = `${labTenant.uid} net:\\[\\d+\\] ${basename(socketDirectory)}, \\S*(PGSQL|sock)`;
    each.match(words, new RegExp(`ended with 3: ${seen}`));
    each.notMatch(words, here, 'a network of its own');
    await world.host.way(0, signal);
    const outside = await host.run(command, { timeoutMs: 10_000, allowFailure: true }, signal);
    each.ok(outside.stderr.startsWith(`0 ${here} `), 'the control');
    each.match(outside.stderr, /,.+,/, 'there is more to see outside');
  });

  await t.test('what cannot be dumped, or not be verified, stays on the server, and says so', async (each) => {
    await go(open());
    await go(users(), other);
    await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (7)', ...under.undumpable);
    await go(kept());
    await each.rejects(goThrough(asFile(), keeper), /It is tried again/);
    each.match(await databases(), /d_one/);
    each.notMatch(await databases(), /d_one.copy/);
    await giveBack();
    each.same(await does(who, 'SELECT n FROM t'), [['7']], 'and is given back as ever');
    await clear();
  });

  await t.test('what is being kept when a restore begins has ended before that works', async (each) => {
    await go(open());
    await go(users(), other);
    await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (11)');
    await go(kept());
    await goThrough(asFile(), keeper);
    for (let turn = 0; turn < 5; turn += 1) {
      const keeping = late('keep-database');
      await Promise.all([keeping, go(open())]);
      each.equal(await jobDone(), undefined);
      await giveBack();
      each.same(await does(who, 'SELECT n FROM t'), [['11']]);
      await go(kept());
      await goThrough(asFile(), keeper);
    }
    await clear();
  });

  await t.test('a dump that never ends is given up, and nothing of it goes on in the server', async (each) => {
    await go(open());
    await go(users(), other);
    await does(who, 'CREATE TABLE t (n integer)', 'INSERT INTO t VALUES (12)');
    await go(kept());
    await goThrough(asFile(), keeper);
    const whole = await buffer(required(await host.openFile(path, signal), path));
    const put = async (bytes: Buffer): Promise<void> =>
      await host.replaceFileWith(path, Readable.from([bytes]), { mode: 0o600, uid: 0, gid: 0 }, signal);
    const admin = await under.admin();
    const isFilling = async (): Promise<boolean> => (await admin.query(fillersOf[engine]))[0]?.[0] !== '0';
    await put(gzipSync(`${endless[engine]}\n${dumpEnd[engine]}`));
    const begun = async (longestMs: number): Promise<void> => {
      await reach(driver, { ...world, intake: { ...labIntake, longestMs } }, one, open());
      await until(isFilling, 'a session that fills');
    };
    await begun(5_000);
    each.match(await jobDone(), /its dump was not taken in within .*something in it may never end/);
    each.equal(await isFilling(), false, 'it is given up');
    await forgetJobs();
    await begun(600_000);
    await forgetJobs();
    each.equal(await isFilling(), false, 'it is not wanted any more');
    await admin.close();
    await put(whole);
    await giveBack();
    each.same(await does(who, 'SELECT n FROM t'), [['12']]);
    await clear();
  });

  await t.test('a file that cannot be restored goes when who keeps it does', async (each) => {
    await go(open());
    await go(kept());
    await goThrough(asFile(), keeper);
    await host.replaceFile(path, 'no dump', { mode: 0o600, uid: 0, gid: 0 }, signal);
    await go(open());
    each.type(await jobDone(), 'string', 'it fails');
    await go(driver.nothing, keeper);
    each.equal(await facts(), undefined);
    await goThrough(open());
    each.strictSame(await planned(open()), []);
    await clear();
  });

  await t.test('a file that is lost is told, and its name is free once who kept it is gone', async (each) => {
    await go(open());
    await go(users(), other);
    await does(who, 'CREATE TABLE t (n integer)');
    await go(kept());
    await goThrough(asFile(), keeper);
    const found = async () => driver.of(keeper, await driver.observe(world, signal));
    each.equal((await found()).lostDumps, undefined);
    await host.removeFile(path, signal);
    each.strictSame([...((await found()).lostDumps ?? [])], ['d_one']);
    for (const _ of [1, 2])
      await each.rejects(goThrough(open()), {
        reason: 'DumpLost',
        message: new RegExp(`not there: .*${path.split('/').at(-1) ?? ''}.* delete RetainedData ${keeper.name} `),
      });
    await go(driver.nothing, keeper);
    await goThrough(open());
    each.strictSame(await planned(open()), []);
    await each.rejects(does(who, 'SELECT n FROM t'), 'it begins anew');
    await clear();
  });

  await t.test('a file goes with who keeps it, and what is claimed meanwhile is not made a file of', async (each) => {
    await go(open());
    await go(kept());
    await go(asFile(), keeper);
    await go(open());
    await forgetJobs();
    each.strictSame(await planned(driver.nothing, keeper), []);
    each.strictSame(await planned(open()), []);
    each.notMatch(await databases(), /d_one.copy/);
    await go(kept());
    await goThrough(asFile(), keeper);
    await host.rename(path, `${path}.away`, signal);
    await each.rejects(goThrough(open()), /file is not there/, 'nothing empty stands for what is in a file');
    await host.rename(`${path}.away`, path, signal);
    await go(driver.nothing, keeper);
    each.equal(await facts(), undefined);
    await host.replaceFile(path, 'of a server that is gone', { mode: 0o600, uid: 0, gid: 0 }, signal);
    await each.rejects(go(open()), PostponedError, 'what the server knows nothing of is not overwritten');
    await host.removeFile(path, signal);
    await goThrough(open());
    each.strictSame(await planned(open()), []);
    await clear();
  });
}

const dumpEnd = {
  PostgreSQL: '\n--\n-- PostgreSQL database dump complete\n--\n\n',
  MariaDB: '\n-- Dump completed\n',
} as const;

/** In a loop, which looks at no client. */
const endless = {
  PostgreSQL: 'DO $$ BEGIN LOOP NULL; END LOOP; END $$;',
  MariaDB: 'DELIMITER ;;\nBEGIN NOT ATOMIC WHILE TRUE DO SET @a = 1; END WHILE; END ;;\nDELIMITER ;',
} as const;

/** How many sessions fill a database. */
const fillersOf = {
  PostgreSQL: `SELECT count(*) FROM pg_stat_activity WHERE usename = 'd_one:filler'`,
  MariaDB: `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'd_one-filler'`,
} as const;

/** Makes 1,050 of them. */
const many = {
  PostgreSQL: `DO $$ BEGIN FOR i IN 1..1050 LOOP EXECUTE format('CREATE FUNCTION f%s() RETURNS integer LANGUAGE sql AS ''SELECT 1''', i); END LOOP; END $$`,
  MariaDB: `BEGIN NOT ATOMIC FOR i IN 1..1050 DO EXECUTE IMMEDIATE CONCAT('CREATE FUNCTION f', i, '() RETURNS integer RETURN 1'); END FOR; END`,
} as const;

/** How many of them there are. */
const count = {
  PostgreSQL: `SELECT count(*) FROM pg_proc WHERE proname ~ '^f[0-9]+$'`,
  MariaDB: `SELECT count(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'd_one'`,
} as const;

/** Without what is another one each time. */
function comparable(dump: string): string {
  return dump.replaceAll(/^\\(?:un)?restrict .*$/gm, '');
}
