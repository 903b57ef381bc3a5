import { join } from 'node:path';
import t from 'tap';
import mysql, { type ConnectionOptions } from 'mysql2/promise';
import pg from 'pg';
import type { ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, databaseServerKind, databaseUserKind, retainedDataKind } from '#schemas/index.ts';
import { connectionsOf, type Connection } from '#test/lab/database-sessions.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { openMariadbElsewhere, type MariadbServer } from '#test/lab/mariadb.ts';
import { openPostgresqlElsewhere, type PostgresqlServer } from '#test/lab/postgresql.ts';
import { run } from '#test/lab/run.ts';
import { administrator, serverName, somewhereElse } from '#test/lab/server-elsewhere.ts';
import { declare, declareTenant, secretType } from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Databases on servers that others run: two real ones, as if they were elsewhere.

const instance = await startInstance();
t.teardown(async () => await instance.stop());
const client = await instance.client();
const tenant = 'acme';
await declareTenant(client, tenant);

const databaseType = resourceTypeOf(databaseKind);
const userType = resourceTypeOf(databaseUserKind);
const keptType = resourceTypeOf(retainedDataKind);
const serverType = resourceTypeOf(databaseServerKind);

const object = (kind: string, name: string, spec: object): KubeObject => ({
  apiVersion: 'hosting.wcp360.io/v1alpha1',
  kind,
  metadata: { name, namespace: tenant },
  spec,
});

async function says(type: ResourceType, name: string, reason: string): Promise<KubeObject> {
  const key = type === serverType ? { name } : { namespace: tenant, name };
  return await until(async () => {
    const live = await client.get(type, key);
    const ready = conditionOf(live, 'Ready');
    const isSo = ready?.['reason'] === reason && ready['observedGeneration'] === live?.metadata.generation;
    return isSo ? live : undefined;
  }, `${type.kind} ${name} to say ${reason}`);
}

async function connection(name: string): Promise<Connection> {
  const secret = await client.get(secretType, { namespace: tenant, name });
  const { data = {} } = secret as { readonly data?: Readonly<Record<string, string>> };
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]));
}

type Ask = (statement: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

type Work = (ask: Ask) => Promise<unknown>;

/** Over the network, by a server that the certificates in the Secret vouch for. */
const enterElsewhere = {
  PostgreSQL: async ({ host, username, password, database, 'ca.crt': ca }: Connection, work: Work): Promise<void> => {
    const ssl = { ca, checkServerIdentity: () => undefined };
    const session = new pg.Client({ host, user: username, password, database, ssl });
    await session.connect();
    await work(async (statement) => (await session.query<Readonly<Record<string, unknown>>>(statement)).rows);
    await session.end();
  },
  MariaDB: async ({ host, username, password, database, 'ca.crt': ca }: Connection, work: Work): Promise<void> => {
    const options = { host, user: username, password, database, ssl: { ca } } as ConnectionOptions;
    const session = await mysql.createConnection(options);
    await work(async (statement) => (await session.query(statement))[0] as Readonly<Record<string, unknown>>[]);
    session.destroy();
  },
} as const;

/** What is ours on a server elsewhere. */
async function driverOf({ admin }: Pick<PostgresqlServer | MariadbServer, 'admin'>): Promise<readonly unknown[]> {
  const session = await admin();
  const rows = await session
    .query(
      "SELECT datname FROM pg_database WHERE datname LIKE 'd\\_%' UNION SELECT rolname FROM pg_roles WHERE rolname LIKE 'u\\_%'",
    )
    .catch(
      async () =>
        await session.query(
          "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'd\\_%' UNION SELECT User FROM mysql.user WHERE User LIKE 'u\\_%'",
        ),
    );
  await session.close();
  return rows;
}

const portOf = { PostgreSQL: 5432, MariaDB: 3306 } as const;

for (const engine of ['PostgreSQL', 'MariaDB'] as const) {
  await t.test(`a Database on ${engine} is on a server elsewhere, which is known by its certificate`, async (t) => {
    const server = await (engine === 'PostgreSQL' ? openPostgresqlElsewhere(t) : openMariadbElsewhere(t));
    const name = `elsewhere-${engine.toLowerCase()}`;
    const { address, authorities } = server.place;
    const named = { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'DatabaseServer', metadata: { name } };
    const put = async (caBundle: string): Promise<void> => {
      const tls = { caBundle, serverName };
      const external = { address: `${address}:${String(portOf[engine])}`, adminSecretRef: { name }, tls };
      await client.apply(serverType, { ...named, spec: { engine, external } }, { fieldManager: 'lab', force: true });
    };
    await put((await somewhereElse()).authorities);
    await says(serverType, name, 'SecretNotFound');
    await declare(
      client,
      databaseType,
      object('Database', name, { engine, serverRef: { name }, deletionPolicy: 'Delete', retainFor: '0s' }),
    );
    const user = object('DatabaseUser', name, { databases: [{ name }], secretName: name });
    await declare(client, userType, user);
    const admin = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: SYSTEM_NAMESPACE } };
    await client.apply(secretType, { ...admin, stringData: administrator }, { fieldManager: 'lab', force: true });
    t.match(conditionOf(await says(serverType, name, 'ServerUnreachable'), 'Ready'), { message: /certificate/ });
    await says(databaseType, name, 'ServerNotReady');
    await put(authorities);
    await says(userType, name, 'Available');
    t.match(await says(serverType, name, 'Available'), {
      status: { version: /^\d+\.\d+/, databases: 1, hosts: ['local'] },
    });
    const found = await connection(name);
    t.match(found, { host: address, port: String(portOf[engine]), 'ca.crt': authorities, socket: undefined });
    await enterElsewhere[engine](found, async (ask) => {
      await ask('CREATE TABLE goods (name varchar(20))');
      await ask("INSERT INTO goods VALUES ('tea')");
    });
    t.match(await instance.wcpctl(['db', 'dump', name, '-n', tenant]), { exitCode: 0, stdout: /tea/ });
    await client.delete(serverType, { name });
    await says(serverType, name, 'InUse');
    for (const [type, key] of [
      [userType, { namespace: tenant, name }],
      [databaseType, { namespace: tenant, name }],
      [serverType, { name }],
    ] as const) {
      if (type !== serverType) await client.delete(type, key);
      await until(async () => (await client.get(type, key)) === undefined, `${type.kind} ${name} to go`);
    }
    const left = await driverOf(server);
    t.same(left, []);
    t.same((await client.list(keptType)).items, []);
  });
}

await t.test(
  'examples/databases is Ready once it is applied, and psql and mariadb log in by its Secrets',
  async (t) => {
    const example = join(import.meta.dirname, '../../examples/databases');
    t.match(await instance.wcpctl(['apply', '--wait', '-f', example]), { exitCode: 0 });
    const connectionOf = connectionsOf(client, instance.directory);
    const { uri = '' } = await connectionOf('databases', 'shop-db');
    const made = 'CREATE TABLE goods (name text); INSERT INTO goods VALUES ($$tea$$)';
    t.match(await run(['/usr/bin/psql', uri, '-c', made]), { exitCode: 0 });
    const { uri: looking = '' } = await connectionOf('databases', 'reports-db');
    t.match(await run(['/usr/bin/psql', looking, '-tAc', 'SELECT name FROM goods']), { exitCode: 0, stdout: 'tea\n' });
    t.match(await run(['/usr/bin/psql', looking, '-c', 'DELETE FROM goods']), {
      exitCode: 1,
      stderr: /permission denied/,
    });
    const { socket = '', username = '', password = '', database = '' } = await connectionOf('databases', 'forum-db');
    const login = [
      '/usr/bin/env',
      `MYSQL_PWD=${password}`,
      '/usr/bin/mariadb',
      `--socket=${socket}`,
      `--user=${username}`,
    ];
    t.match(await run([...login, database, '-Ne', 'SELECT 6 * 7']), { exitCode: 0, stdout: '42\n' });
  },
);
