import type { Test } from 'tap';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { databaseKind, databaseUserKind, retainedDataKind } from '#schemas/index.ts';
import type { Database } from '#schemas/v1alpha1/database.ts';
import type { RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { until } from './instance.ts';
import type { Ended } from './run.ts';
import { declare } from './tenants.ts';
import { conditionOf } from './widgets.ts';

type Engine = Database['spec']['engine'];

/** Database `legacy`, as somebody has had it for long: what an administrator says to the server, and then inside. */
export const legacyOf: Readonly<
  Record<Engine, { readonly make: readonly string[]; readonly fill: readonly string[] }>
> = {
  PostgreSQL: {
    make: [
      `CREATE ROLE old LOGIN PASSWORD 'old'`,
      'CREATE DATABASE legacy OWNER old TEMPLATE template0 LOCALE "C.UTF-8"',
    ],
    fill: ['SET ROLE old', 'CREATE TABLE goods (name varchar(20))', `INSERT INTO goods VALUES ('tea')`],
  },
  MariaDB: {
    make: ['CREATE DATABASE legacy CHARACTER SET latin1'],
    fill: ['CREATE TABLE goods (name varchar(20))', `INSERT INTO goods VALUES ('tea')`],
  },
};

interface Listed {
  readonly databaseName: string;
  readonly namespace: string;
}

/** A server with `legacy` on it, and a tenant who wants that. */
export interface AdoptionGround {
  readonly client: Client;
  readonly engine: Engine;
  readonly tenant: string;
  /** Name of the DatabaseServer. */
  readonly server: string;
  /** Has the DatabaseServer say who may have what. */
  readonly list: (adoptable: readonly Listed[]) => Promise<void>;
  /** As the tenant, by `wcpctl db shell`. */
  readonly ask: (database: string, statement: string) => Promise<Ended>;
}

const [databaseType, userType, keptType] = [databaseKind, databaseUserKind, retainedDataKind].map((kind) =>
  resourceTypeOf(kind),
) as [ResourceType, ResourceType, ResourceType];
const apiVersion = 'hosting.wcp360.io/v1alpha1';

/** What is kept of a tenant, also by others than one test. */
export async function keptOf(client: Client, tenant: string): Promise<readonly RetainedData[]> {
  const { items } = await client.list<RetainedData>(keptType);
  return items.filter(({ spec }) => spec.tenantRef.name === tenant);
}

/** From the first refusal to the return of what was kept: no row is lost, and nobody has it who may not. */
export async function adoptionStory(t: Test, ground: AdoptionGround): Promise<void> {
  const { client, engine, tenant, server, list, ask } = ground;
  const [own, second] = [`adopted-${server}`, `second-${server}`];
  const adopting = async (name: string): Promise<void> => {
    const spec = { engine, serverRef: { name: server }, adopt: { databaseName: 'legacy' } };
    const metadata = { namespace: tenant, name };
    await declare(client, databaseType, { apiVersion, kind: 'Database', metadata, spec });
  };
  const says = async (type: ResourceType, name: string, reason: string): Promise<void> => {
    await until(
      async () => conditionOf(await client.get(type, { namespace: tenant, name }), 'Ready')?.['reason'] === reason,
      `${type.kind} ${name} to say ${reason}`,
    );
  };
  const goes = async (type: ResourceType, key: { namespace?: string; name: string }): Promise<void> => {
    await client.delete(type, key);
    await until(async () => (await client.get(type, key)) === undefined, `${type.kind} ${key.name} to go`);
  };
  const rows = async (): Promise<string> => (await ask(own, 'SELECT name FROM goods ORDER BY name;')).stdout;

  await list([]);
  await adopting(own);
  await says(databaseType, own, 'NotAdoptable');
  await list([{ databaseName: 'legacy', namespace: 'somebody-else' }]);
  await adopting(second);
  for (const name of [own, second]) await says(databaseType, name, 'NotAdoptable');
  await goes(databaseType, { namespace: tenant, name: second });
  t.same(await keptOf(client, tenant), [], 'nothing is kept of what was never had');

  await list([{ databaseName: 'legacy', namespace: tenant }]);
  const metadata = { namespace: tenant, name: own };
  const spec = { databases: [{ name: own }], secretName: own };
  await declare(client, userType, { apiVersion, kind: 'DatabaseUser', metadata, spec });
  await says(userType, own, 'Available');
  t.match(await rows(), /tea/, 'what it held');
  await adopting(second);
  await says(databaseType, second, 'NameTaken');
  await goes(databaseType, { namespace: tenant, name: second });
  t.match(await ask(own, `INSERT INTO goods VALUES ('salt');`), { exitCode: 0 });

  await goes(databaseType, { namespace: tenant, name: own });
  await says(userType, own, 'DatabaseNotFound');
  const [kept] = await keptOf(client, tenant);
  t.match(kept, { spec: { database: { databaseName: 'legacy' } } });
  await adopting(own);
  await says(userType, own, 'Available');
  t.match(await rows(), /salt[^]*tea/, 'and what was added');
  for (const type of [userType, databaseType]) await goes(type, { namespace: tenant, name: own });
  for (const { metadata: found } of await keptOf(client, tenant)) await goes(keptType, { name: found.name });
}
