import type { Test } from 'tap';
import type { DatabasesGround } from './ground.ts';

/** Single rights. */
export async function singleRightsLaws<Name extends string>(t: Test, ground: DatabasesGround<Name>): Promise<void> {
  const { under, go, planned, settings, login, state, does, clear } = ground;

  await t.test(
    'single rights let do what they say and nothing else, on what is there and on what is made later',
    async (each) => {
      const rights = {
        Select: 'SELECT n FROM %',
        Insert: 'INSERT INTO % VALUES (2)',
        Update: 'UPDATE % SET n = 3',
        Delete: 'DELETE FROM %',
      } as const;
      const words = Object.keys(rights) as (keyof typeof rights)[];
      const owner = login('u_owner', 'a', { d_one: 'Owner' });
      const lists = [...words.map((word) => [word]), ['Delete', 'Select'] as const, words.toSorted()];
      await go(state({ d_one: settings() }, [owner]));
      await does(['u_owner', 'a', 'd_one'], 'CREATE TABLE goods (n integer)');
      const used = await under.login('u_owner', 'a', 'd_one');
      for (const list of lists) {
        const wanted = state({ d_one: settings() }, [owner, login('u_some', 'b', { d_one: list })]);
        await go(wanted);
        each.strictSame(await planned(wanted), []);
        await used.query('CREATE TABLE later (n integer)');
        for (const table of ['goods', 'later'])
          for (const word of words) {
            // Without a condition no other right is asked for.
            const done = does(['u_some', 'b', 'd_one'], rights[word].replace('%', table));
            if ((list as readonly string[]).includes(word))
              await each.resolves(done, `${list.join()}: ${word} on ${table}`);
            else await each.rejects(done, `${list.join()}: ${word} on ${table}`);
          }
        for (const statement of [
          'CREATE TABLE more (n integer)',
          'DROP TABLE later',
          'ALTER TABLE later ADD COLUMN m integer',
        ])
          await each.rejects(does(['u_some', 'b', 'd_one'], statement), statement);
        await used.query('DROP TABLE later');
      }
      await used.close();
      const inside = await under.login('u_some', 'b', 'd_one');
      await go(state({ d_one: settings() }, [owner, login('u_some', 'b', { d_one: ['Insert'] })]));
      await each.rejects(inside.query('SELECT n FROM goods'), 'who was in has no more than that');
      await inside.close().catch(() => undefined);
      await go(state({ d_one: settings('Full') }, [owner, login('u_some', 'b', { d_one: ['Delete', 'Insert'] })]));
      await each.rejects(does(['u_some', 'b', 'd_one'], 'INSERT INTO goods VALUES (4)'), 'full');
      await does(['u_some', 'b', 'd_one'], 'DELETE FROM goods');
      await clear();
    },
  );
}
