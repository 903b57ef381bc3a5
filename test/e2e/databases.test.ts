import t from 'tap';
import mysql from 'mysql2/promise';
import pg from 'pg';
import type { ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, databaseUserKind } from '#schemas/index.ts';
import { mountPoint } from '#runtime/cmd/instance/layout.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { declare, declareTenant, secretType, tenantType } from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Databases from a manifest to a login: what an application does with the Secret that a DatabaseUser makes.

const instance = await startInstance();
t.teardown(async () => await instance.stop());
const client = await instance.client();
const tenant = 'acme';
await declareTenant(client, tenant);

const databaseType = resourceTypeOf(databaseKind);
const userType = resourceTypeOf(databaseUserKind);
/** A server is made when the first one needs it. */

const object = (kind: string, name: string, spec: object): KubeObject => ({
  apiVersion: 'hosting.wcp360.io/v1alpha1',
  kind,
  metadata: { name, namespace: tenant },
  spec,
});

async function settled(type: ResourceType, name: string, reason: string): Promise<KubeObject> {
  return await until(async () => {
    const live = await client.get(type, { namespace: tenant, name });
    const ready = conditionOf(live, 'Ready');
    const isSo = ready?.['reason'] === reason && ready['observedGeneration'] === live?.metadata.generation;
    return isSo ? live : undefined;
  }, `${name} to say ${reason}`);
}

/** What an application finds in its Secret; paths of an instance are those of its own view of the files, and lie elsewhere for us. */
async function connection(name: string): Promise<Readonly<Record<string, string>>> {
  const secret = await client.get(secretType, { namespace: tenant, name });
  const { data = {} } = secret as { readonly data?: Readonly<Record<string, string>> };
  const here = (text: string): string =>
    text
      .replaceAll(mountPoint, instance.directory)
      .replaceAll(encodeURIComponent(mountPoint), encodeURIComponent(instance.directory));
  const texts = Object.entries(data).map(([key, text]) => [key, here(Buffer.from(text, 'base64').toString())]);
  return Object.fromEntries(texts) as Readonly<Record<string, string>>;
}

type Ask = (statement: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** Logs in with nothing but the Secret, works, and leaves. */
const within = {
  PostgreSQL: async (secretName: string, work: (ask: Ask) => Promise<unknown>): Promise<void> => {
    const { uri = '' } = await connection(secretName);
    const session = new pg.Client({ connectionString: uri });
    session.on('error', () => undefined);
    await session.connect();
    try {
      await work(async (statement) => (await session.query<Readonly<Record<string, unknown>>>(statement)).rows);
    } finally {
      await session.end().catch(() => undefined);
    }
  },
  MariaDB: async (secretName: string, work: (ask: Ask) => Promise<unknown>): Promise<void> => {
    const { socket = '', username = '', password = '', database = '' } = await connection(secretName);
    const session = await mysql.createConnection({ socketPath: socket, user: username, password, database });
    try {
      await work(async (statement) => (await session.query(statement))[0] as Readonly<Record<string, unknown>>[]);
    } finally {
      session.destroy();
    }
  },
} as const;

for (const engine of ['PostgreSQL', 'MariaDB'] as const) {
  const shop = `shop-${engine.toLowerCase()}`;
  const database = object('Database', shop, { engine });
  const user = object('DatabaseUser', shop, { databases: [{ name: shop }], secretName: `${shop}-db` });
  const reader = object('DatabaseUser', `${shop}-reader`, {
    databases: [{ name: shop, access: 'ReadOnly' }],
    secretName: `${shop}-reader`,
  });
  const login = within[engine];

  await t.test(`a Database on ${engine} is used with what is in the Secret of its DatabaseUser`, async (t) => {
    for (const [type, each] of [
      [userType, user],
      [userType, reader],
      [databaseType, database],
    ] as const)
      await declare(client, type, each);
    for (const { metadata } of [user, reader]) await settled(userType, metadata.name, 'Available');
    t.match(await settled(databaseType, shop, 'Available'), { status: { databaseName: /^d_[0-9a-f]{20}$/ } });
    await login(`${shop}-db`, async (ask) => {
      await ask('CREATE TABLE goods (name varchar(20))');
      await ask("INSERT INTO goods VALUES ('tea')");
    });
    await login(`${shop}-reader`, async (ask) => {
      t.match(await ask('SELECT name FROM goods'), [{ name: 'tea' }]);
      await t.rejects(ask("INSERT INTO goods VALUES ('salt')"));
    });
  });

  await t.test(`while a tenant is suspended nobody is let into its databases on ${engine}`, async (t) => {
    const suspensions = [{ by: 'lab', reason: 'Billing' }];
    const live = await client.get(tenantType, { name: tenant });
    const spec = (live?.['spec'] ?? {}) as object;
    const named = { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'Tenant', metadata: { name: tenant } };
    await login(`${shop}-db`, async (ask) => {
      await client.apply(
        tenantType,
        { ...named, spec: { ...spec, suspensions } },
        { fieldManager: 'lab', force: true },
      );
      await settled(databaseType, shop, 'Suspended');
      await settled(userType, shop, 'Suspended');
      await t.rejects(ask('SELECT 1'), 'who was in is out');
    });
    await t.rejects(login(`${shop}-db`, async (ask) => await ask('SELECT 1')));
    await client.apply(
      tenantType,
      { ...named, spec: { ...spec, suspensions: [] } },
      { fieldManager: 'lab', force: true },
    );
    await settled(databaseType, shop, 'Available');
    await settled(userType, shop, 'Available');
    await login(`${shop}-db`, async (ask) => t.match(await ask('SELECT name FROM goods'), [{ name: 'tea' }]));
  });

  await t.test(
    `a Database on ${engine} that is deleted and declared again has its data, unless it was not to be kept`,
    async (t) => {
      const gone = async (type: ResourceType, name: string): Promise<void> => {
        await client.delete(type, { namespace: tenant, name });
        await until(async () => (await client.get(type, { namespace: tenant, name })) === undefined, `${name} to go`);
      };
      const { password } = await connection(`${shop}-db`);
      await gone(databaseType, shop);
      await settled(userType, shop, 'DatabaseNotFound');
      await declare(client, databaseType, database);
      await settled(userType, shop, 'Available');
      t.equal((await connection(`${shop}-db`))['password'], password);
      await login(`${shop}-db`, async (ask) => t.match(await ask('SELECT name FROM goods'), [{ name: 'tea' }]));
      await declare(client, databaseType, { ...database, spec: { engine, deletionPolicy: 'Delete' } });
      await gone(databaseType, shop);
      await settled(userType, shop, 'DatabaseNotFound');
      await declare(client, databaseType, database);
      await settled(userType, shop, 'Available');
      await login(`${shop}-db`, async (ask) => await t.rejects(ask('SELECT name FROM goods'), 'it begins empty'));
      await gone(userType, shop);
      t.equal(await client.get(secretType, { namespace: tenant, name: `${shop}-db` }), undefined, 'its Secret goes');
    },
  );
}
