import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Test } from 'tap';
import { required } from '#runtime/base/errors.ts';
import type { DatabaseState } from '#runtime/drivers/databases/model.ts';
import { dumpFileOf } from '#runtime/drivers/databases/server-host.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import { keeper, other, signal, type DatabasesGround } from './ground.ts';

/** Whose rights work when a dump that somebody wrote is restored. */
export async function dumpsRightsLaws<Name extends string>(t: Test, ground: DatabasesGround<Name>): Promise<void> {
  const { under, driver, world, go, settings, login, state, clear, does, goThrough, forgetJobs } = ground;
  const { host } = under;
  const who = ['u_one', 'a', 'd_one'] as const;
  const { hidden, said, given, more, end } = climbs(under.origins === undefined ? 'localhost' : '%')[
    driver.name === 'postgresql' ? 'PostgreSQL' : 'MariaDB'
  ];
  const open = (): DatabaseState => ({ ...state({ d_one: settings() }), heirTo: 'RetainedData/database.acme.shop.' });
  const users = (): DatabaseState => state({}, [login('u_one', 'a', { d_one: 'Owner' })]);
  const asFile = (): DatabaseState => ({
    ...state({}),
    kept: new Map([['d_one', ownerId(keeper)]]),
    dumped: new Set(['d_one']),
  });
  const keep = async (): Promise<void> => {
    const { kept } = asFile();
    await go({ ...state({}), ...(kept && { kept }) });
  };
  const path = dumpFileOf(driver.name, world.host, 'd_one');
  const put = async (dump: string): Promise<void> => {
    const packed = Readable.from([gzipSync(dump)]);
    await host.replaceFileWith(path, packed, { mode: 0o600, uid: 0, gid: 0 }, signal);
  };

  await t.test('whatever an owner made, nobody has more rights once that was dumped and restored', async (each) => {
    const wanted = users();
    await go(open());
    await go(wanted, other);
    const admin = await under.admin();
    const hasMore = async (): Promise<boolean> => (await admin.query(more)).length > 0;
    for (const statement of hidden) {
      await does(who, 'CREATE TABLE t (n integer)', statement);
      await keep();
      await goThrough(asFile(), keeper).catch(() => undefined);
      each.equal(await hasMore(), false, statement);
      await goThrough(open());
      each.equal(await hasMore(), false, `${statement}, taken back`);
      await goThrough(driver.nothing);
      await goThrough(open());
      await go(wanted, other);
    }
    await keep();
    await goThrough(asFile(), keeper);
    const whole = gunzipSync(await buffer(required(await host.openFile(path, signal), path))).toString();
    for (const statement of said) {
      await put(`${statement}\n${end}`);
      await goThrough(open()).catch(() => undefined);
      each.equal(await hasMore(), false, statement);
      await forgetJobs();
    }
    await put(whole);
    await goThrough(open());
    await go(wanted, other);
    each.equal(await hasMore(), false);
    await admin.query(given);
    each.equal(await hasMore(), true, 'the control');
    await admin.close();
    await clear();
  });
}

/** What reaches for rights of the administrator: what an owner may make, and what may stand in a file; what gives them, and what tells of it. */
function climbs(place: string) {
  const given = `GRANT SELECT ON *.* TO u_one@'${place}'`;
  const evil = `CREATE DEFINER=root@localhost PROCEDURE evil() ${given}`;
  return {
    PostgreSQL: {
      hidden: [
        `CREATE FUNCTION p() RETURNS integer LANGUAGE sql AS 'SELECT 1 /* --\x01 $$;
\\c - postgres
ALTER ROLE u_one SUPERUSER;
*/'`,
        `CREATE VIEW v AS SELECT n AS "n;
RESET ROLE;
ALTER ROLE u_one SUPERUSER;
\\c - postgres" FROM t`,
      ],
      said: ['ALTER ROLE u_one SUPERUSER;', 'RESET ROLE; ALTER ROLE u_one SUPERUSER;'],
      given: 'ALTER ROLE u_one SUPERUSER',
      more: `SELECT 1 FROM pg_roles WHERE rolname = 'u_one' AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)`,
      end: '\n--\n-- PostgreSQL database dump complete\n--\n\n',
    },
    MariaDB: {
      // To the server it is a comment, to its client it is not.
      hidden: [
        `CREATE PROCEDURE p() SELECT 1 --\x01 ;; ${evil} ;; CALL evil() ;; DROP PROCEDURE evil ;; SELECT 1`,
        `CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 1 -- */ ;; ${evil} ;; CALL evil() ;; DROP PROCEDURE evil ;; SELECT 1`,
      ],
      said: [
        `SELECT 1; ${evil}; CALL evil();`,
        `SELECT 1; CREATE DEFINER=root@localhost VIEW v AS SELECT * FROM mysql.global_priv; SELECT * FROM v;`,
        `${given};`,
      ],
      given,
      more: `SELECT 1 FROM mysql.global_priv WHERE User = 'u_one' AND JSON_VALUE(Priv, '$.access') > 0`,
      end: '\n-- Dump completed\n',
    },
  } as const;
}
