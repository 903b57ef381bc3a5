import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import mysql, { type ConnectionOptions } from 'mysql2/promise';
import pg from 'pg';
import type { ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { ANNOTATIONS, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import {
  databaseKind,
  databaseServerKind,
  databaseUserKind,
  retainedDataKind,
  type RetainedData,
} from '#schemas/index.ts';
import { parseQuantity } from '#schemas/meta/quantity.ts';
import type { DatabaseSession } from '#test/contracts/databases.ts';
import { openAddresses } from '#test/lab/addresses.ts';
import { adoptionStory, legacyOf, type AdoptionGround } from '#test/lab/adoption.ts';
import { connectionsOf, enter, type Connection } from '#test/lab/database-sessions.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { openMariadbElsewhere, openSession, type MariadbServer } from '#test/lab/mariadb.ts';
import { openClient, openPostgresqlElsewhere, type PostgresqlServer } from '#test/lab/postgresql.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { run } from '#test/lab/run.ts';
import { administrator, externalOf, serverName, somewhereElse } from '#test/lab/server-elsewhere.ts';
import { openHostMachine } from '#test/lab/host-machine.ts';
import { declare, declareTenant, hostType, secretType, tenantType } from '#test/lab/tenants.ts';
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

async function says(type: ResourceType, name: string, reason: string, namespace = tenant): Promise<KubeObject> {
  const key = type === serverType ? { name } : { namespace, name };
  return await until(async () => {
    const live = await client.get(type, key);
    const ready = conditionOf(live, 'Ready');
    const isSo = ready?.['reason'] === reason && ready['observedGeneration'] === live?.metadata.generation;
    return isSo ? live : undefined;
  }, `${type.kind} ${name} to say ${reason}`);
}

async function connection(name: string, namespace = tenant): Promise<Connection> {
  const secret = await client.get(secretType, { namespace, name });
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

/** As the tenant, by the engine's own program. */
const ask = async (database: string, statement: string) =>
  await instance.wcpctl(['db', 'shell', database, '-n', tenant], { input: statement });

/** Whoever comes to port 5432 of one address is at the other. */
async function relay(t: Test, from: string, to: string): Promise<void> {
  const server = createServer((incoming) => {
    const outgoing = connect(5432, to);
    const end = (): void => void [incoming.destroy(), outgoing.destroy()];
    for (const side of [incoming, outgoing]) side.on('error', end).on('close', end);
    incoming.pipe(outgoing).pipe(incoming);
  });
  await once(server.listen(5432, from), 'listening');
  t.teardown(() => server.close());
}

const portOf = { PostgreSQL: 5432, MariaDB: 3306 } as const;

for (const engine of ['PostgreSQL', 'MariaDB'] as const) {
  await t.test(`a Database on ${engine} is on a server elsewhere, which is known by its certificate`, async (t) => {
    const server = await (engine === 'PostgreSQL' ? openPostgresqlElsewhere(t) : openMariadbElsewhere(t));
    const name = `elsewhere-${engine.toLowerCase()}`;
    const { address, authorities } = server.place;
    const named = { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'DatabaseServer', metadata: { name } };
    const externalOf = (caBundle: string) => ({
      address: `${address}:${String(portOf[engine])}`,
      adminSecretRef: { name },
      tls: { caBundle, serverName },
    });
    const put = async (caBundle: string): Promise<void> => {
      await client.apply(
        serverType,
        { ...named, spec: { engine, external: externalOf(caBundle) } },
        { fieldManager: 'lab', force: true },
      );
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
    const programs = async () => {
      const [dump, shell] = [
        await instance.wcpctl(['db', 'dump', name, '-n', tenant]),
        await ask(name, 'SELECT name FROM goods;'),
      ];
      return [dump, shell] as const;
    };
    for (const ended of await programs()) t.match(ended, { exitCode: 0, stdout: /tea/ });
    await server.present((await somewhereElse()).identity);
    const isDoubted = new RegExp(
      `DatabaseServer ${name}: it does not prove that it is the one that is meant: .*certificate`,
    );
    await until(async () => (await programs()).every(({ exitCode }) => exitCode !== 0), 'programs to doubt it');
    for (const ended of await programs()) {
      t.match(ended, { stderr: isDoubted }, 'one of another authority is told nothing');
      t.not(ended.exitCode, 0);
    }
    await server.present(server.place.identity);
    await until(async () => (await programs()).every(({ exitCode }) => exitCode === 0), 'programs to know it again');
    const twin = `${name}-twin`;
    const again = { ...named, metadata: { name: twin }, spec: { engine, external: externalOf(authorities) } };
    await client.apply(serverType, again, { fieldManager: 'lab' });
    t.match(conditionOf(await says(serverType, twin, 'ServerUnfit'), 'Ready'), {
      message: new RegExp(`DatabaseServer ${name}: .*confirm=${name}$`),
    });
    await client.patch(
      serverType,
      { name: twin },
      { type: 'merge', body: { metadata: { annotations: { [ANNOTATIONS.confirm]: name } } } },
      { fieldManager: 'lab' },
    );
    await says(serverType, twin, 'Available');
    await client.delete(serverType, { name: twin });
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

/** By the programs that people have, over the network; they come from 127.0.0.1. */
const programs = {
  PostgreSQL: ({ username = '', password = '', database = '' }: Connection, address: string, ca: string) => [
    '/usr/bin/env',
    `PGPASSWORD=${password}`,
    `PGSSLROOTCERT=${ca}`,
    ...['PGSSLMODE=verify-ca', '/usr/bin/psql', '-h', address, '-U', username, '-d', database, '-tAc'],
  ],
  MariaDB: ({ username = '', password = '', database = '' }: Connection, address: string, ca: string) => [
    '/usr/bin/env',
    `MYSQL_PWD=${password}`,
    ...['/usr/bin/mariadb', '--protocol=tcp', `--host=${address}`, `--user=${username}`, `--ssl-ca=${ca}`],
    ...[`--database=${database}`, '-Ne'],
  ],
} as const;

interface Way {
  readonly server: string;
  readonly ca: string;
  /** An address of this machine. */
  readonly from: string;
}

const comeFrom = {
  PostgreSQL: async ({ username: user = '', password, database = '' }: Connection, { server: host, ca, from }: Way) =>
    await openClient({ host, user, password, database, ca, from }),
  MariaDB: async ({ username: user = '', password, database }: Connection, { server: address, ca, from }: Way) =>
    await openSession({ address, user, password, database, ca, from }),
} as const;

for (const engine of ['PostgreSQL', 'MariaDB'] as const) {
  await t.test(
    `${engine} of a host is reached over the network by whom a DatabaseUser says, and by nobody else`,
    async (t) => {
      const name = `far-${engine.toLowerCase()}`;
      const { server, outside } = await openAddresses(t);
      const authority = await createLabAuthority();
      const ca = join(instance.directory, `${name}.crt`);
      await writeFile(ca, authority.ca);
      const connectionOf = connectionsOf(client, instance.directory);
      const put = async (kind: ResourceType, object: KubeObject): Promise<void> =>
        void (await client.apply(kind, object, { fieldManager: 'lab', force: true }));
      await declare(client, databaseType, object('Database', name, { engine }));
      await declare(client, databaseType, object('Database', `${name}-2`, { engine }));
      await declare(
        client,
        userType,
        object('DatabaseUser', `${name}-2`, { databases: [{ name: `${name}-2` }], secretName: `${name}-2` }),
      );
      const user = object('DatabaseUser', name, {
        databases: [{ name }],
        secretName: name,
        hosts: ['127.0.0.1', '2001:db8::7'],
      });
      await declare(client, userType, user);
      t.match(conditionOf(await says(userType, name, 'HostsUnfit'), 'Ready'), { message: /no network/ });
      await says(userType, `${name}-2`, 'Available');
      const tls = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace: SYSTEM_NAMESPACE },
        type: 'kubernetes.io/tls',
      };
      await put(secretType, { ...tls, stringData: { ...(await authority.site(['db.example.org'])) } });
      const network = { addresses: [server.v4], tls: { secretRef: { name }, caBundle: authority.ca.toString() } };
      const declared = { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'DatabaseServer', metadata: { name } };
      await put(serverType, { ...declared, spec: { engine, managed: { network }, limits: { connections: 77 } } });
      t.match(await says(userType, name, 'Available'), {
        status: { remote: { addresses: [server.v4], port: portOf[engine], caBundle: authority.ca.toString() } },
      });
      const [far, near] = [await connectionOf(tenant, name), await connectionOf(tenant, `${name}-2`)];
      t.ok(far['socket'], 'whoever is on the host comes by the socket');
      const asks = async (as: Connection, statement: string) =>
        await run([...programs[engine](as, server.v4, ca), statement]);
      await until(async () => (await asks(far, 'SELECT 6 * 7')).stdout === '42\n', 'the server to be reached');
      t.match(await asks(near, 'SELECT 6 * 7'), { exitCode: /[^0]/ }, 'who names no network');
      t.match(
        await asks({ ...far, database: near['database'] ?? '' }, 'SELECT 6 * 7'),
        { exitCode: /[^0]/ },
        'a database of others',
      );
      const most = { PostgreSQL: 'SHOW max_connections', MariaDB: 'SELECT @@max_connections' } as const;
      t.match(await asks(far, most[engine]), { stdout: engine === 'PostgreSQL' ? '87\n' : '77\n' });
      const from = async (address: string): Promise<boolean> =>
        await comeFrom[engine](far, { server: server.v4, ca: authority.ca.toString(), from: address }).then(
          async (session) => (await session.close(), true),
          () => false,
        );
      t.equal(await from('127.0.0.1'), true);
      t.equal(await from(outside.v4.address), false, 'from elsewhere');
      await client.delete(serverType, { name });
      await says(userType, name, 'HostsUnfit');
      await until(async () => !(await from('127.0.0.1')), 'the network to be closed');
      await enter[engine](far, async (ask) => t.equal((await ask('SELECT 6 * 7 AS answer')).length, 1));
    },
  );
}

for (const engine of ['PostgreSQL', 'MariaDB'] as const) {
  await t.test(`a database that is on a ${engine} elsewhere already is had by whom its server lists`, async (t) => {
    const server = await (engine === 'PostgreSQL' ? openPostgresqlElsewhere(t) : openMariadbElsewhere(t));
    const name = `old-${engine.toLowerCase()}`;
    const admin = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: SYSTEM_NAMESPACE } };
    await client.apply(secretType, { ...admin, stringData: administrator }, { fieldManager: 'lab', force: true });
    const { make, fill } = legacyOf[engine];
    await tell(await server.admin(), make);
    await tell(await server.admin('legacy'), fill);
    const external = externalOf(engine, name, server.place);
    const list: AdoptionGround['list'] = async (adoptable) => {
      const metadata = { name };
      const spec = { engine, external, adoptable };
      await declare(client, serverType, {
        apiVersion: 'hosting.wcp360.io/v1alpha1',
        kind: 'DatabaseServer',
        metadata,
        spec,
      } as KubeObject);
    };
    await adoptionStory(t, { client, engine, tenant, server: name, list, ask });
    if (engine === 'PostgreSQL') await t.rejects(server.login('old', 'old', 'legacy'), 'who had it before');
    await client.delete(serverType, { name });
    await until(async () => (await client.get(serverType, { name })) === undefined, 'the DatabaseServer to go');
  });
}

async function tell(session: DatabaseSession, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await session.query(statement);
  await session.close();
}
await t.test('a server that is gone for good is let go of, with what was on it, once a person says so', async (t) => {
  const [engine, name] = ['PostgreSQL', 'gone'] as const;
  const later = { name: 'gone-later', namespace: tenant };
  const serverOf = (spec: object) => ({
    ...{ apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'DatabaseServer', metadata: { name } },
    spec,
  });
  const put = async (spec: object): Promise<unknown> =>
    await client.apply(serverType, serverOf(spec), { fieldManager: 'lab', force: true });
  const kept = async (): Promise<KubeObject | undefined> => (await client.list(keptType)).items[0];
  let spec: object = {};
  await t.test('while it is there', async (living) => {
    const { address, authorities } = (await openPostgresqlElsewhere(living)).place;
    const tls = { caBundle: authorities, serverName };
    spec = { engine, external: { address: `${address}:5432`, adminSecretRef: { name }, tls } };
    const admin = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: SYSTEM_NAMESPACE } };
    await client.apply(secretType, { ...admin, stringData: administrator }, { fieldManager: 'lab', force: true });
    await put(spec);
    for (const each of [name, later.name])
      await declare(client, databaseType, object('Database', each, { engine, serverRef: { name } }));
    await declare(client, userType, object('DatabaseUser', name, { databases: [{ name }], secretName: name }));
    await says(userType, name, 'Available');
    await says(databaseType, later.name, 'Available');
    await client.delete(databaseType, later);
    await until(async () => (await client.get(databaseType, later)) === undefined, 'what is kept to be alone');
  });
  const gone = { namespace: tenant, name };
  for (const type of [userType, databaseType]) await client.delete(type, gone);
  await client.delete(keptType, { name: (await kept())?.metadata.name ?? '' });
  await client.delete(serverType, { name });
  await says(serverType, name, 'InUse');
  t.ok(await client.get(databaseType, gone), 'the control: they wait for it');
  t.match(await kept(), { metadata: { deletionTimestamp: /./ } });
  await put({ ...spec, lost: true });
  for (const type of [userType, databaseType])
    await until(async () => (await client.get(type, gone)) === undefined, `${type.kind} to go`);
  const left = await until(async () => {
    const { items } = await client.list(keptType);
    const [found] = items as unknown as readonly KubeObject[];
    return items.length === 1 && conditionOf(found, 'Ready')?.['reason'] === 'ServerLost' ? found : undefined;
  }, 'what stands for the data of the Database alone, and tells that it is lost');
  await client.delete(keptType, { name: left.metadata.name });
  await until(async () => (await client.get(serverType, { name })) === undefined, 'the DatabaseServer to go');
  await t.rejects(
    client.apply(serverType, serverOf({ engine, managed: {}, lost: true }), { fieldManager: 'lab', force: true }),
    /lost with its Host/,
  );
});

await t.test('what is on a server elsewhere outlives the host that looked after it', async (t) => {
  const [home, leaver, name] = ['wanderer', 'leaver', 'shared'] as const;
  const engine = 'PostgreSQL';
  const hosts = async (word: string, ...more: readonly string[]): Promise<void> =>
    void t.match(await instance.wcpctl(['host', word, ...more]), { exitCode: 0 });
  await client.apply(
    hostType,
    { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'Host', metadata: { name: 'away' }, spec: {} } as KubeObject,
    { fieldManager: 'lab' },
  );
  const machine = await openHostMachine(instance, client, 'away');
  t.teardown(async () => await machine.destroy());
  machine.start();
  const isServing = async () =>
    conditionOf(await client.get(hostType, { name: 'away' }), 'Ready')?.['status'] === 'True';
  await until(isServing, 'host away to serve');
  await hosts('cordon', 'local');
  for (const each of [home, leaver]) await declareTenant(client, each);
  const server = await openPostgresqlElsewhere(t);
  // Where both hosts reach it.
  const address = machine.address.replace(/\d+$/, (last) => String(Number(last) - 1));
  await relay(t, address, server.place.address);
  const admin = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: SYSTEM_NAMESPACE } };
  await client.apply(secretType, { ...admin, stringData: administrator }, { fieldManager: 'lab', force: true });
  const tls = { caBundle: server.place.authorities, serverName };
  const external = { address: `${address}:5432`, adminSecretRef: { name }, tls };
  const declared = { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'DatabaseServer', metadata: { name } };
  await client.apply(serverType, { ...declared, spec: { engine, external } }, { fieldManager: 'lab' });
  const at = (each: string, of: string = home) => ({ namespace: of, name: each });
  const put = async (kind: string, each: string, spec: object, of: string = home): Promise<void> => {
    const type = kind === 'Database' ? databaseType : userType;
    const made = object(kind, each, spec);
    await declare(client, type, { ...made, metadata: at(each, of) });
  };
  const saysOf = async (type: ResourceType, each: string, reason: string): Promise<KubeObject> =>
    await until(async () => {
      const live = await client.get(type, at(each));
      return conditionOf(live, 'Ready')?.['reason'] === reason ? live : undefined;
    }, `${type.kind} ${each} to say ${reason}`);
  const keptOf = async (each: string, reason: string): Promise<KubeObject> =>
    await until(async () => {
      const { items } = await client.list(keptType);
      return (items as unknown as readonly KubeObject[]).find(
        (kept) => kept.metadata.name.includes(`.${each}.`) && conditionOf(kept, 'Ready')?.['reason'] === reason,
      );
    }, `what is kept of ${each} to say ${reason}`);
  const enterAs = async (each: string, work: Work): Promise<void> =>
    await enterElsewhere[engine](await connection(each, home), work);
  const policies = { stays: 'Retain', kept: 'Retain', filed: 'Snapshot' } as const;
  for (const [each, deletionPolicy] of Object.entries(policies)) {
    await put('Database', each, { engine, serverRef: { name }, deletionPolicy });
    await put('DatabaseUser', each, { databases: [{ name: each }], secretName: each });
    await saysOf(userType, each, 'Available');
    await enterAs(each, async (ask) => await ask(`CREATE TABLE ${each} AS SELECT 1 AS n`));
  }
  const tables = async (each: string): Promise<readonly unknown[]> => {
    let found: readonly unknown[] = [];
    await enterAs(each, async (ask) => {
      found = (await ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).map((row) => row['tablename']);
    });
    return found;
  };
  for (const each of ['kept', 'filed']) {
    await client.delete(userType, at(each));
    await client.delete(databaseType, at(each));
    await until(async () => (await client.get(databaseType, at(each))) === undefined, `${each} to go`);
  }
  t.match(await keptOf('filed', 'Dumped'), { spec: { host: 'away' } });
  await put('Database', leaver, { engine, serverRef: { name } }, leaver);
  await put('DatabaseUser', leaver, { databases: [{ name: leaver }], secretName: leaver }, leaver);
  await says(userType, leaver, 'Available', leaver);
  machine.kill('SIGKILL');
  await client.delete(tenantType, { name: leaver });
  await until(
    async () => (await client.get(userType, at(leaver, leaver)))?.metadata.deletionTimestamp !== undefined,
    'its tenant to leave',
  );
  await hosts('uncordon', 'local');
  await hosts('lost', 'away', '--yes');
  await until(async () => (await client.get(tenantType, { name: leaver })) === undefined, 'its tenant to go');
  t.match(await keptOf(leaver, 'Kept'), { spec: { host: 'local', tenantRef: { name: leaver } } });
  await until(async () => {
    const found = [await client.get(databaseType, at('stays')), await client.get(userType, at('stays'))];
    return found.every((each) => (each?.['status'] as { readonly host?: string } | undefined)?.host === 'local');
  }, 'the next host to look after it');
  await until(
    async () => (await tables('stays').catch((): readonly unknown[] => [])).includes('stays'),
    'its user to log in',
  );
  await saysOf(userType, 'stays', 'Available');
  t.match(await keptOf('kept', 'Kept'), { spec: { host: 'local' } });
  const lostFile = await keptOf('filed', 'DumpLost');
  for (const each of ['kept', 'filed']) {
    await put('Database', each, { engine, serverRef: { name } });
    await put('DatabaseUser', each, { databases: [{ name: each }], secretName: each });
  }
  await saysOf(userType, 'kept', 'Available');
  t.same(await tables('kept'), ['kept'], 'what was kept is had again');
  t.match(conditionOf(await saysOf(databaseType, 'filed', 'DumpLost'), 'Ready'), {
    message: new RegExp(`delete RetainedData ${lostFile.metadata.name} `),
  });
  await client.delete(keptType, { name: lostFile.metadata.name });
  await saysOf(userType, 'filed', 'Available');
  t.same(await tables('filed'), [], 'and begins anew where a person says so');
  await client.delete(hostType, { name: 'away' });
  await until(async () => (await client.get(hostType, { name: 'away' })) === undefined, 'the host to go');
});

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

await t.test('deleted Databases that are kept hold no more together than the package allows', async (t) => {
  const namespace = 'filler';
  await declareTenant(client, namespace, { database: { retainedStorage: '4Mi' } });
  const put = async (type: ResourceType, name: string, spec: object): Promise<unknown> =>
    await declare(client, type, { ...object(type.kind, name, spec), metadata: { name, namespace } });
  await put(databaseType, 'one', { engine: 'MariaDB' });
  await put(userType, 'one', { databases: [{ name: 'one' }], secretName: 'one-db' });
  await says(userType, 'one', 'Available', namespace);
  await enter.MariaDB(await connectionsOf(client, instance.directory)(namespace, 'one-db'), async (ask) => {
    await ask('CREATE TABLE much (words longtext)');
    await ask("INSERT INTO much VALUES (REPEAT('x', 8000000))");
  });
  for (const type of [userType, databaseType]) {
    await client.delete(type, { namespace, name: 'one' });
    await until(async () => (await client.get(type, { namespace, name: 'one' })) === undefined, `${type.kind} to go`);
  }
  const kept = await until(async () => {
    const { items } = await client.list<RetainedData>(keptType);
    return items.find(({ spec, status }) => spec.tenantRef.name === namespace && isAbove(status?.size, 4 * 2 ** 20));
  }, 'its size to be told');
  await put(databaseType, 'two', { engine: 'PostgreSQL' });
  t.match(conditionOf(await says(databaseType, 'two', 'RetainedLimit', namespace), 'Ready'), {
    message: /hold \d+Mi, and its package allows 4Mi \(database\.retainedStorage\): declare one of them again/,
  });
  await client.delete(keptType, { name: kept.metadata.name });
  await says(databaseType, 'two', 'Available', namespace);
});

function isAbove(size: string | number | undefined, bytes: number): boolean {
  return size !== undefined && (parseQuantity(size) ?? 0) > bytes;
}
