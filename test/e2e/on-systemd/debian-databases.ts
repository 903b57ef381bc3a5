import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { required } from '#runtime/base/errors.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { databaseKind, databaseServerKind, databaseUserKind, retainedDataKind } from '#schemas/index.ts';
import { adoptionStory, keptOf, legacyOf } from '#test/lab/adoption.ts';
import { until } from '#test/lab/instance.ts';
import { run } from '#test/lab/run.ts';
import { declare, declareTenant } from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Databases on the servers of Debian's own packages, as these run them.

const guide = readFileSync(join(import.meta.dirname, '../../../docs/databases.md'), 'utf8');
const preparation = required(/\*\*Debian's own servers\*\*.*?```sh\n(.*?)```/s.exec(guide)?.[1], 'the guide');
const apiVersion = 'hosting.wcp360.io/v1alpha1';
const tenant = 'dairy';
const [databaseType, userType, serverType, keptType] = [
  resourceTypeOf(databaseKind),
  resourceTypeOf(databaseUserKind),
  resourceTypeOf(databaseServerKind),
  resourceTypeOf(retainedDataKind),
];

async function bash(script: string, input = ''): Promise<string> {
  const { exitCode, stdout, stderr } = await run(['/bin/bash', '-ec', script], { input });
  if (exitCode !== 0) throw new Error(`${script}: ${stdout}${stderr}`);
  return stdout;
}

const client = createClient({ ...(await loadKubeconfig({ path: '/etc/wcp360/admin.kubeconfig' })), userAgent: 'lab' });
t.teardown(() => client.close());
await declareTenant(client, tenant);

const engines = ['PostgreSQL', 'MariaDB'] as const;
const socketOf = { PostgreSQL: '/run/postgresql', MariaDB: '/run/mysqld/mysqld.sock' } as const;
const administrator = {
  PostgreSQL: 'runuser -u postgres -- psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1',
  MariaDB: 'mariadb',
} as const;
const nameOf = (engine: (typeof engines)[number]): string => `own-${engine.toLowerCase()}`;
const ask = async (database: string, statement: string) =>
  await run(
    ['/usr/local/bin/wcpctl', '--kubeconfig=/etc/wcp360/admin.kubeconfig', 'db', 'shell', database, '-n', tenant],
    { input: statement },
  );

async function says(type: typeof serverType, name: string, reason: string): Promise<void> {
  const key = type === serverType ? { name } : { namespace: tenant, name };
  await until(
    async () => conditionOf(await client.get(type, key), 'Ready')?.['reason'] === reason,
    `${type.kind} ${name} to say ${reason}`,
  );
}

await t.test('servers of Debian’s packages do once they are prepared as the guide says', async (t) => {
  await bash('pg_dropcluster --stop 15 main || true; pg_createcluster 15 main');
  await bash('systemctl start postgresql@15-main mariadb');
  for (const engine of engines) {
    const spec = { engine, host: {} };
    await declare(client, serverType, { apiVersion, kind: 'DatabaseServer', metadata: { name: nameOf(engine) }, spec });
    const names = { namespace: tenant, name: `new-${nameOf(engine)}` };
    const wanted = { engine, serverRef: { name: nameOf(engine) }, deletionPolicy: 'Snapshot' };
    await declare(client, databaseType, { apiVersion, kind: 'Database', metadata: names, spec: wanted });
    const user = { databases: [{ name: names.name }], secretName: names.name };
    await declare(client, userType, { apiVersion, kind: 'DatabaseUser', metadata: names, spec: user });
  }
  for (const engine of engines) {
    const key = { namespace: tenant, name: `new-${nameOf(engine)}` };
    const words = await until(async () => {
      const ready = conditionOf(await client.get(databaseType, key), 'Ready');
      return ready?.['status'] === 'False' && ready['reason'] !== 'ServerNotReady' ? ready['message'] : undefined;
    }, `${engine} not to do as it comes`);
    t.match(words, /pg_hba|peer|configuration|authentication failed/i, engine);
  }
  await bash(preparation);
  for (const engine of engines) {
    const name = `new-${nameOf(engine)}`;
    await says(userType, name, 'Available');
    const statements =
      "CREATE TABLE goods (name varchar(20)); INSERT INTO goods VALUES ('milk'); SELECT name FROM goods;";
    t.match(await ask(name, statements), { exitCode: 0, stdout: /milk/ }, socketOf[engine]);
  }
});

await t.test('what is deleted there becomes a file that was looked at, and comes back', async (t) => {
  for (const engine of engines) {
    const names = { namespace: tenant, name: `new-${nameOf(engine)}` };
    const wanted = await client.get(databaseType, names);
    await client.delete(databaseType, names);
    await until(async () => {
      const [kept] = await keptOf(client, tenant);
      return conditionOf(kept, 'Ready')?.['reason'] === 'Dumped';
    }, `${engine} to have let it go`);
    const { spec } = wanted as unknown as { readonly spec: object };
    await declare(client, databaseType, { apiVersion, kind: 'Database', metadata: names, spec });
    await until(async () => (await ask(names.name, 'SELECT name FROM goods;')).stdout.includes('milk'), 'its rows');
    await until(async () => {
      const kept = await keptOf(client, tenant);
      for (const { metadata } of kept) await client.delete(keptType, { name: metadata.name });
      return kept.length === 0;
    }, 'nothing to be kept');
  }
  t.pass();
});

for (const engine of engines) {
  await t.test(`a database that Debian’s ${engine} has already is had by whom its DatabaseServer lists`, async (t) => {
    const { make, fill } = legacyOf[engine];
    const sql = (statements: readonly string[]): string => statements.map((statement) => `${statement};\n`).join('');
    await bash(administrator[engine], sql(make));
    await bash(`${administrator[engine]} legacy`, sql(fill));
    const server = nameOf(engine);
    await adoptionStory(t, {
      ...{ client, engine, tenant, server, ask },
      list: async (adoptable) => {
        const spec = { engine, host: {}, adoptable: [...adoptable] };
        await declare(client, serverType, { apiVersion, kind: 'DatabaseServer', metadata: { name: server }, spec });
      },
    });
  });
}
