import type { Test } from 'tap';
import { contentsOf } from '#runtime/drivers/postgresql/contents.ts';
import { openSession } from '#runtime/drivers/postgresql/session.ts';
import { sql } from '#runtime/drivers/postgresql/sql.ts';
import { databasesGround, signal } from '#test/contracts/databases/ground.ts';
import { lawsOf } from './postgresql-laws.ts';
import type { PostgresqlServer } from './postgresql.ts';

/** Counting takes as long as tables are large. */
export async function contentsLaw(t: Test, server: PostgresqlServer): Promise<void> {
  const { go, state, settings, login, clear, does } = databasesGround(lawsOf(server));
  const { host } = server.world;

  await t.test(
    'rows of every table are counted, of whatever columns it is, by a statement of its own',
    async (each) => {
      await go(state({ d_one: settings() }, [login('u_one', 'a', { d_one: 'Owner' })]));
      await does(
        ['u_one', 'a', 'd_one'],
        'CREATE TABLE bare ()',
        'INSERT INTO bare DEFAULT VALUES',
        'CREATE TABLE made (n integer GENERATED ALWAYS AS (1) STORED)',
        'INSERT INTO made DEFAULT VALUES',
        `CREATE TABLE "odd ""name'" (long text, "a b" smallint)`,
        `INSERT INTO "odd ""name'" SELECT repeat('x', 100), n FROM generate_series(1, 1000) n`,
        'CREATE TABLE parts (n integer) PARTITION BY RANGE (n)',
        'CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10)',
        'INSERT INTO parts VALUES (1), (2)',
        'ALTER TABLE part ENABLE ROW LEVEL SECURITY',
        'ALTER TABLE part FORCE ROW LEVEL SECURITY',
        'CREATE TABLE heir () INHERITS (made)',
        'INSERT INTO heir DEFAULT VALUES',
        'CREATE TABLE less (n integer, m integer)',
        'ALTER TABLE less DROP COLUMN n',
      );
      const before = (await server.statements()).length;
      const rows = (await Array.fromAsync(contentsOf('d_one', host, signal))).filter((line) => / rows of /.test(line));
      each.strictSame(rows, [
        '1 rows of "public"."bare"',
        '1 rows of "public"."heir"',
        '0 rows of "public"."less"',
        '1 rows of "public"."made"',
        `1000 rows of "public"."odd ""name'"`,
        '2 rows of "public"."part"',
      ]);
      const sent = (await server.statements()).slice(before);
      each.equal(sent.filter((statement) => statement.startsWith('COPY ')).length, rows.length);
      await clear();
    },
  );

  await t.test('a statement takes no longer than its session may, which for counting is half a day', async (each) => {
    const session = await openSession(host, 'postgres', signal, 200);
    await each.rejects(session.ask(sql`SELECT pg_sleep(60)`, signal), /statement timeout/);
    session.close();
    await go(state({ d_one: settings() }));
    const lengths: string[] = [];
    const heard: typeof host.enter = async (over) => {
      const entrance = await host.enter(over);
      const write = entrance.stream.write.bind(entrance.stream) as (chunk: Buffer) => boolean;
      const hear = (chunk: Buffer): boolean => {
        lengths.push(...(/statement_timeout=\d+/.exec(chunk.toString('latin1')) ?? []));
        return write(chunk);
      };
      return { ...entrance, stream: Object.assign(entrance.stream, { write: hear }) };
    };
    await Array.fromAsync(contentsOf('d_one', { ...host, enter: heard }, signal));
    each.strictSame(lengths, [`statement_timeout=${12 * 3_600_000}`]);
    await clear();
  });
}
