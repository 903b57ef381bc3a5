import type { Test } from 'tap';
import { administer } from '#runtime/drivers/postgresql/administration.ts';
import { sql } from '#runtime/drivers/postgresql/sql.ts';
import { signal } from '#test/contracts/databases/ground.ts';
import { until } from './instance.ts';
import { contentsLaw } from './postgresql-contents.ts';
import { endlessCheckLaw } from './postgresql-endless-check.ts';
import { looksLaw } from './postgresql-looks.ts';
import { sessionsLaw } from './postgresql-sessions.ts';
import { superuserLaws } from './postgresql-superuser.ts';
import type { PostgresqlServer } from './postgresql.ts';

/** What is to be said of PostgreSQL alone: of its superuser, its sessions, and its catalogs. */
export async function ownLaws(t: Test, server: PostgresqlServer): Promise<void> {
  await t.test('no tenant becomes a superuser by what is done to what is theirs', async (each) => {
    await superuserLaws(each, server);
  });

  await t.test('what a database holds is counted, however much that is', async (each) => {
    await contentsLaw(each, server);
  });

  await t.test('nobody sees who else is at work, or where', async (each) => {
    await sessionsLaw(each, server);
  });

  await t.test('to look at one thing takes as long among many as among few', async (each) => {
    await looksLaw(each, server);
  });

  await t.test(
    'a database of which no copy is ever whole stays where it is, and nothing of the try is left',
    async (each) => {
      await endlessCheckLaw(each, server);
    },
  );

  await t.test('a session of ours that is not used ends, also where somebody gave up before using it', async (each) => {
    const { host } = server.world;
    const sessions = async () => {
      const admin = await server.admin();
      const rows = await admin.query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'wcp360'`);
      await admin.close();
      return rows;
    };
    await administer(host, signal, async (ask) => await ask(sql`SELECT 1`));
    each.equal((await sessions()).length, 1, 'the control');
    const givenUp = AbortSignal.abort(new Error('given up'));
    await each.rejects(
      administer(host, givenUp, async (ask) => await ask(sql`SELECT 1`)),
      /given up/,
    );
    await until(async () => (await sessions()).length === 0, 'its end');
  });
}
