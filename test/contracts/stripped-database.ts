import type { Test } from 'tap';
import type { Client, ObjectKey } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { databaseKind, databaseUserKind } from '#schemas/index.ts';
import type { Connection, Work } from '#test/lab/database-sessions.ts';
import { until, type LabInstance } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';

interface Stripped {
  readonly client: Client;
  readonly instance: Pick<LabInstance, 'services'>;
  /** Of the Database, and of the DatabaseUser that owns it. */
  readonly key: ObjectKey;
  /** Declares both; resolves with how one logs in. */
  readonly declareBoth: () => Promise<Connection>;
  readonly enter: (connection: Connection, work: Work) => Promise<void>;
}

/** What somebody copied from the Secret before both went without being taken down lets nobody in. */
export async function strippedLaw(t: Test, { client, instance, key, declareBoth, enter }: Stripped): Promise<void> {
  const copied = await declareBoth();
  await enter(copied, async (ask) => {
    await ask('CREATE TABLE goods (name varchar(20))');
    await ask("INSERT INTO goods VALUES ('tea')");
  });
  const goods = async (connection: Connection): Promise<unknown> => {
    let found: unknown;
    await enter(connection, async (ask) => (found = await ask('SELECT name FROM goods')));
    return found;
  };
  const agent = (await instance.services()).get('agent')?.pid;
  killProcess(agent, 'SIGSTOP');
  try {
    for (const type of [databaseKind, databaseUserKind].map((kind) => resourceTypeOf(kind))) {
      await client.delete(type, key);
      await client.patch(type, key, { type: 'merge', body: { metadata: { finalizers: [] } } });
      t.equal(await client.get(type, key), undefined);
    }
    t.match(await goods(copied), [{ name: 'tea' }], 'the control: nobody was there to take it down');
  } finally {
    killProcess(agent, 'SIGCONT');
  }
  const isShut = async (): Promise<boolean> =>
    await goods(copied).then(
      () => false,
      () => true,
    );
  t.ok(await until(isShut, 'the login to go'));
  t.match(await goods(await declareBoth()), [{ name: 'tea' }]);
}
