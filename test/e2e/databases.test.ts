import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, databaseUserKind, retainedDataKind, type DatabaseUser } from '#schemas/index.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { strippedLaw } from '#test/contracts/stripped-database.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { run } from '#test/lab/run.ts';
import { counter, digest, particulars, programs, riches, sleep, use } from '#test/lab/database-samples.ts';
import { administratorsOf, connectionsOf, enter, type Connection, type Work } from '#test/lab/database-sessions.ts';
import { killProcess } from '#test/lab/kill.ts';
import { memoryDirectory } from '#test/lab/memory-directory.ts';
import { commandLines, processesWith } from '#test/lab/processes-with.ts';
import { aDomain, declare, declareSite, declareTenant, secretType, tenantType } from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Databases from a manifest to a login: what an application does with the Secret that a DatabaseUser makes.

const instance = await startInstance();
t.teardown(async () => await instance.stop());
const client = await instance.client();
const tenant = 'acme';
/** The package gives little. */
await declareTenant(client, tenant, { database: { storage: '4Mi', connections: 8, statementTimeout: '90s' } });

const databaseType = resourceTypeOf(databaseKind);
const userType = resourceTypeOf(databaseUserKind);
const keptType = resourceTypeOf(retainedDataKind);

const object = (kind: string, name: string, spec: object): KubeObject => ({
  apiVersion: 'hosting.wcp360.io/v1alpha1',
  kind,
  metadata: { name, namespace: tenant },
  spec,
});

const anOwner = (name: string): KubeObject =>
  object('DatabaseUser', name, { databases: [{ name }], secretName: `${name}-db` });

async function settled(type: ResourceType, name: string, reason: string, namespace = tenant): Promise<KubeObject> {
  return await until(async () => {
    const live = await client.get(type, { namespace, name });
    const ready = conditionOf(live, 'Ready');
    const isSo = ready?.['reason'] === reason && ready['observedGeneration'] === live?.metadata.generation;
    return isSo ? live : undefined;
  }, `${name} to say ${reason}`);
}

const connectionOf = connectionsOf(client, instance.directory);
const connection = async (name: string, namespace = tenant): Promise<Connection> => await connectionOf(namespace, name);

async function gone(type: ResourceType, name: string, namespace = tenant): Promise<void> {
  await client.delete(type, { namespace, name });
  await until(async () => (await client.get(type, { namespace, name })) === undefined, `${name} to go`);
}

/** kill -9, so many milliseconds from now. */
async function killAgent(ms: number): Promise<void> {
  const before = (await instance.services()).get('agent')?.pid;
  await delay(ms);
  killProcess(before);
  await until(
    async () => ![undefined, before].includes((await instance.services()).get('agent')?.pid),
    'another agent',
  );
}

type Status = NonNullable<DatabaseUser['status']>;

async function statusOf(name: string): Promise<Status> {
  return (await client.get<DatabaseUser>(userType, { namespace: tenant, name }))?.status ?? {};
}

/** Two ways to ask for another password. */
async function annotate(name: string): Promise<void> {
  const body = { metadata: { annotations: { [ANNOTATIONS.rotate]: 'by hand' } } };
  await client.patch(userType, { namespace: tenant, name }, { type: 'merge', body }, { fieldManager: 'lab' });
}

async function command(name: string, t: Test): Promise<void> {
  const ended = await instance.wcpctl(['databaseuser', 'rotate', name, '-n', tenant]);
  t.match(ended, { exitCode: 0, stdout: /the one before works until/ });
}

/** What is kept of a Database. */
async function keptOf(name: string): Promise<readonly KubeObject[]> {
  const { items } = await client.list<KubeObject>(keptType);
  return items.filter(({ metadata }) => metadata.name.startsWith(`database.${tenant}.${name}.`));
}

const files = await mkdtemp(join(await memoryDirectory(), 'wcp360-dumps-'));
t.teardown(async () => await rm(files, { recursive: true, force: true }));
const db = async (words: readonly string[], input?: string) =>
  await instance.wcpctl(['db', ...words, '-n', tenant], { cwd: files, ...(input !== undefined && { input }) });

const asAdministrator = administratorsOf(instance.directory);

for (const engine of ['PostgreSQL', 'MariaDB'] as const) {
  const shop = `shop-${engine.toLowerCase()}`;
  const database = object('Database', shop, { engine });
  const user = object('DatabaseUser', shop, { databases: [{ name: shop }], secretName: `${shop}-db` });
  const reader = object('DatabaseUser', `${shop}-reader`, {
    databases: [{ name: shop, access: 'ReadOnly' }],
    secretName: `${shop}-reader`,
  });
  const login = async (secretName: string, work: Work) => await enter[engine](await connection(secretName), work);

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
    const { password } = await connection(`${shop}-db`);
    const byHand = { apiVersion: 'v1', kind: 'Secret', metadata: { name: `${shop}-db`, namespace: tenant } };
    await declare(client, secretType, { ...byHand, data: { password: 'eA==' } });
    const isBack = async (): Promise<boolean> => (await connection(`${shop}-db`))['password'] === password;
    await until(isBack, 'what was changed by hand in the Secret to be put right');
    await login(`${shop}-reader`, async (ask) => {
      t.match(await ask('SELECT name FROM goods'), [{ name: 'tea' }]);
      await t.rejects(ask("INSERT INTO goods VALUES ('salt')"));
    });
  });

  await t.test(
    `a rotation on ${engine} lets both passwords in for a while, then the new one alone, to what either made`,
    async (t) => {
      const name = `${shop}-turns`;
      const rotating = object('DatabaseUser', name, { databases: [{ name: shop }], secretName: name });
      await declare(client, userType, rotating);
      await settled(userType, name, 'Available');
      await login(name, async (ask) => await ask('CREATE TABLE first (n integer)'));
      for (const ask of [annotate, command]) {
        const before = await connection(name);
        await declare(client, userType, rotating);
        const { rotatedFor } = await statusOf(name);
        await ask(name, t);
        const isHandedOut = async (): Promise<boolean> => {
          const status = await statusOf(name);
          return status.rotatedFor !== rotatedFor && status.formerPasswordUntil !== undefined;
        };
        await until(isHandedOut, 'the next password');
        const after = await connection(name);
        t.not(after['password'], before['password']);
        await enter[engine](after, async (ask) => {
          await ask('ALTER TABLE first ADD COLUMN m integer');
          await ask('CREATE TABLE second (n integer)');
        });
        await enter[engine](before, async (ask) => {
          await ask('ALTER TABLE first DROP COLUMN m');
          await ask('DROP TABLE second');
          await ask('CREATE TABLE third (n integer)');
          await ask('CREATE VIEW looks AS SELECT n FROM first');
        });
        await declare(client, userType, {
          ...rotating,
          spec: { ...(rotating['spec'] as object), rotation: { gracePeriod: '0s' } },
        });
        const isOver = async (): Promise<boolean> => {
          const { passwords, acceptedPasswords } = await statusOf(name);
          return passwords?.length === 1 && acceptedPasswords?.length === 1;
        };
        await until(isOver, 'the end of the former password');
        await t.rejects(
          enter[engine](before, async (ask) => await ask('SELECT 1')),
          'the password before',
        );
        await login(name, async (ask) => {
          await ask('ALTER TABLE third ADD COLUMN m integer');
          await ask('INSERT INTO first VALUES (1)');
          t.ok((await ask('SELECT n FROM looks')).length > 0);
          await ask('DROP VIEW looks');
          await ask('DROP TABLE third');
        });
        t.same(await connection(name), after, 'and nobody has to read anything anew');
      }
      await login(name, async (ask) => await ask('DROP TABLE first'));
      await client.delete(userType, { namespace: tenant, name });
      await until(async () => (await client.get(userType, { namespace: tenant, name })) === undefined, `${name} to go`);
    },
  );

  await t.test(
    `a password on ${engine} that a person gives is followed, and one that does not do is told`,
    async (t) => {
      const name = `${shop}-given`;
      const key = { namespace: tenant, name: `${name}-word` };
      const give = async (value: string | undefined): Promise<void> => {
        const data = value === undefined ? { other: 'eA==' } : { word: Buffer.from(value).toString('base64') };
        await declare(client, secretType, { apiVersion: 'v1', kind: 'Secret', metadata: key, data });
      };
      const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index));
      const letsIn = async (password: string): Promise<boolean> => {
        const { username = '', socket = '', host = '', database = '' } = await connection(name);
        const uri = `postgresql://${username}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}`;
        const asked = enter[engine](
          { username, socket, database, password, uri },
          async (ask) => await ask('SELECT 1'),
        );
        return await asked.then(
          () => true,
          () => false,
        );
      };
      const spec = {
        databases: [{ name: shop }],
        secretName: name,
        passwordSecretRef: { name: key.name, key: 'word' },
      };
      await declare(client, userType, object('DatabaseUser', name, spec));
      await settled(userType, name, 'PasswordNotFound');
      await give(printable);
      await settled(userType, name, 'Available');
      t.equal((await connection(name))['password'], printable);
      await login(name, async (ask) => await ask('SELECT 1'));
      const { username } = await connection(name);
      await give('another one of mine');
      await until(async () => await letsIn('another one of mine'), 'the other password');
      t.equal(await letsIn(printable), false, 'at once');
      t.equal((await connection(name))['username'], username, 'by the same name');
      for (const [word, reason] of [
        ['short', 'PasswordUnfit'],
        ['ends with a line end\n', 'PasswordUnfit'],
        [undefined, 'PasswordNotFound'],
      ] as const) {
        await give(word);
        await settled(userType, name, reason);
        t.ok(await letsIn('another one of mine'), 'the one before goes on working');
      }
      const asked = await instance.wcpctl(['databaseuser', 'rotate', name, '-n', tenant]);
      t.match(asked, { exitCode: 1, stderr: /change it there/ });
      await give('yet another one');
      await settled(userType, name, 'Available');
      await login(name, async (ask) => await ask('SELECT 1'));
      t.equal((await connection(name))['password'], 'yet another one');
      await client.delete(userType, { namespace: tenant, name });
      await until(async () => (await client.get(userType, { namespace: tenant, name })) === undefined, `${name} to go`);
      const left = await client.list(secretType, { namespace: tenant });
      t.same(
        left.items.filter(({ metadata }) => metadata.name.includes(name)).map(({ metadata }) => metadata.name),
        [key.name],
      );
    },
  );

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
    `a Database on ${engine} that is over its size is read and emptied, and written to again then`,
    async (t) => {
      const name = `small-${engine.toLowerCase()}`;
      const small = object('Database', name, { engine, limits: { storage: '1Gi' } });
      const databases = [{ name }];
      await declare(client, databaseType, small);
      await declare(client, userType, object('DatabaseUser', name, { databases, secretName: name, connections: 20 }));
      await settled(userType, name, 'Available');
      const words = Array.from({ length: 400 }, () => `('${randomBytes(15_000).toString('base64')}')`).join(', ');
      await login(name, async (ask) => {
        t.match(await ask(particulars[engine].limit), [particulars[engine].limitIs], 'the package says how long');
        await ask('CREATE TABLE words (word text)');
        await ask('CREATE TABLE few (n integer)');
        await ask('INSERT INTO few VALUES (1), (2)');
        await ask(`INSERT INTO words VALUES ${words}`);
      });
      const full = await settled(databaseType, name, 'Full');
      t.match(full, { status: { limits: { storage: '4Mi' }, size: /Mi$|Ki$/ } });
      t.match(conditionOf(full, 'Ready')?.['message'], /may hold 4Mi: .* take a package that gives more\.$/);
      // Neither a wish nor a policy of the tenant's lifts it.
      await declare(client, databaseType, { ...small, spec: { engine, limits: { storage: '2Gi' }, drift: 'Observe' } });
      await settled(databaseType, name, 'Full');
      await login(name, async (ask) => {
        await t.rejects(ask('INSERT INTO few VALUES (3)'), 'writes are refused');
        await t.rejects(ask('CREATE TABLE more (n integer)'));
        t.equal((await ask('SELECT n FROM few')).length, 2, 'reads go on');
        await ask('DELETE FROM few WHERE n = 1');
        await ask('TRUNCATE TABLE words');
      });
      await declare(client, databaseType, small);
      await settled(databaseType, name, 'Available');
      await login(name, async (ask) => {
        await ask('INSERT INTO few VALUES (3)');
        t.equal((await ask('SELECT n FROM few')).length, 2);
      });
    },
  );

  await t.test(`what is changed by hand on ${engine} is put right, or told, as the object says`, async (t) => {
    const { username = '' } = await connection(`${shop}-db`);
    await asAdministrator[engine](particulars[engine].change(username));
    await t.rejects(
      login(`${shop}-db`, async (ask) => await ask('SELECT 1')),
      'the control',
    );
    const answers = async (): Promise<boolean> => {
      await login(`${shop}-db`, async (ask) => await ask('SELECT 1'));
      return true;
    };
    await until(answers, 'the repair');
    await declare(client, userType, { ...user, spec: { ...(user['spec'] as object), drift: 'Warn' } });
    await settled(userType, shop, 'Available');
    await asAdministrator[engine](particulars[engine].change(username));
    await until(
      async () =>
        conditionOf(await client.get(userType, { namespace: tenant, name: shop }), 'Drifted')?.['status'] === 'True',
      'it to be told',
    );
    await t.rejects(
      login(`${shop}-db`, async (ask) => await ask('SELECT 1')),
      'and it is left so',
    );
    await declare(client, userType, user);
    await until(answers, 'the repair');
    t.match(await client.get(databaseType, { namespace: tenant, name: shop }), {
      status: { serverEndOfLife: /^20\d\d-/ },
    });
  });

  await t.test(
    `a Database on ${engine} that is deleted is kept, and has its data when it is declared again before that is purged`,
    async (t) => {
      const isEmpty = async (): Promise<void> => {
        await declare(client, databaseType, database);
        await settled(userType, shop, 'Available');
        await login(`${shop}-db`, async (ask) => await t.rejects(ask('SELECT name FROM goods'), 'it begins empty'));
      };
      const { password } = await connection(`${shop}-db`);
      await gone(databaseType, shop);
      await settled(userType, shop, 'DatabaseNotFound');
      const [kept] = await keptOf(shop);
      t.match(kept, { spec: { database: { engine }, expiresAt: undefined } });
      await declare(client, databaseType, database);
      await settled(userType, shop, 'Available');
      t.equal((await connection(`${shop}-db`))['password'], password);
      await login(`${shop}-db`, async (ask) => t.match(await ask('SELECT name FROM goods'), [{ name: 'tea' }]));
      t.same(await keptOf(shop), [], 'nothing stands for it any more');
      await gone(databaseType, shop);
      for (const { metadata } of await keptOf(shop)) await client.delete(keptType, { name: metadata.name });
      await until(async () => (await keptOf(shop)).length === 0, 'it to be purged');
      await isEmpty();
      await login(`${shop}-db`, async (ask) => await ask('CREATE TABLE goods (name varchar(20))'));
      await declare(client, databaseType, { ...database, spec: { engine, deletionPolicy: 'Delete', retainFor: '1s' } });
      await gone(databaseType, shop);
      await until(async () => (await keptOf(shop)).length === 0, 'its time to be over');
      await isEmpty();
      await gone(userType, shop);
      const isGone = async () =>
        (await client.get(secretType, { namespace: tenant, name: `${shop}-db` })) === undefined;
      t.ok(await until(isGone, 'its Secret to go'));
    },
  );

  await t.test(
    `who takes the finalizers of a Database on ${engine} and its DatabaseUser away keeps no way in, and no row is lost`,
    async (t) => {
      const name = `${shop}-stripped`;
      const declareBoth = async (): Promise<Connection> => {
        await declare(client, databaseType, object('Database', name, { engine }));
        await declare(client, userType, anOwner(name));
        await settled(userType, name, 'Available');
        return await connection(`${name}-db`);
      };
      const key = { namespace: tenant, name };
      await strippedLaw(t, { client, instance, key, declareBoth, enter: enter[engine] });
    },
  );

  await t.test(
    `a Database on ${engine} with the policy Snapshot is kept as a file, and has all of it when it is declared again, whenever its agent dies`,
    async (t) => {
      const name = `${shop}-file`;
      const snapshot = object('Database', name, { engine, deletionPolicy: 'Snapshot' });
      await declare(client, databaseType, snapshot);
      await declare(client, userType, anOwner(name));
      await settled(userType, name, 'Available');
      const held: unknown[] = [];
      await login(`${name}-db`, async (ask) => {
        for (const statement of riches[engine]) await ask(statement);
        held.push(await ask(digest[engine]));
      });
      await client.delete(databaseType, { namespace: tenant, name });
      await killAgent(300);
      const kept = await until(async () => {
        const [found] = await keptOf(name);
        return conditionOf(found, 'Ready')?.['reason'] === 'Dumped' ? found : undefined;
      }, 'a file of it');
      const { database } = kept['spec'] as { readonly database: { readonly dumpPath: string } };
      const path = join(instance.directory, database.dumpPath);
      t.equal(statSync(path).mode & 0o777, 0o600);
      t.match(gunzipSync(readFileSync(path)).toString(), 'twice');
      await declare(client, databaseType, snapshot);
      await killAgent(300);
      await settled(databaseType, name, 'Available');
      await settled(userType, name, 'Available');
      await login(`${name}-db`, async (ask) => {
        t.same([await ask(digest[engine])], held);
        for (const statement of use[engine]) t.not((await ask(statement)).length, 0, statement);
      });
      t.same(await keptOf(name), [], 'nothing stands for it any more');
      t.equal(statSync(path, { throwIfNoEntry: false }), undefined);
    },
  );

  await t.test(`what a Database on ${engine} holds is dumped, restored into another, and cloned`, async (t) => {
    const [first, second, third, other] = [`${shop}-1`, `${shop}-2`, `${shop}-3`, `${shop}-4`];
    for (const name of [first, second, other]) {
      await declare(client, databaseType, object('Database', name, { engine }));
      await declare(client, userType, anOwner(name));
    }
    for (const name of [first, second, other]) await settled(userType, name, 'Available');
    await login(`${first}-db`, async (ask) => {
      for (const statement of riches[engine]) await ask(statement);
    });
    const dumpOf = async (name: string): Promise<readonly Readonly<Record<string, unknown>>[]> => {
      let found: readonly Readonly<Record<string, unknown>>[] = [];
      await login(`${name}-db`, async (ask) => {
        found = [await ask(digest[engine]), await ask(use[engine][0]), await ask(use[engine][1])].flat();
      });
      return found;
    };
    const held = await dumpOf(first);
    for (const file of ['shop.sql', 'shop.sql.gz']) {
      const { stdout, stderr, exitCode } = await db(['dump', first, file]);
      t.equal(exitCode, 0, stderr);
      t.match(stdout, new RegExp(`^${file}: [0-9.]+ KiB in`, 'u'));
    }
    const plain = await readFile(join(files, 'shop.sql'));
    const packed = await readFile(join(files, 'shop.sql.gz'));
    t.match(gunzipSync(packed).toString(), /twice/u);
    t.match(held, [{ digest: /^[0-9a-f]{32}$/u }, {}, { twice: 42 }]);

    await writeFile(join(files, 'cut.sql'), plain.subarray(0, plain.length - 200));
    await writeFile(join(files, 'cut.sql.gz'), packed.subarray(0, packed.length - 200));
    for (const file of ['cut.sql', 'cut.sql.gz']) {
      const { exitCode, stderr } = await db(['restore', second, file]);
      t.equal(exitCode, 1);
      t.match(stderr, /does not end as a dump does|is not whole/u);
    }
    const piped = await db(['restore', other, '-'], plain.subarray(0, plain.length - 200).toString());
    t.equal(piped.exitCode, 1);
    t.match(piped.stderr, 'not the whole of a dump');
    if (engine === 'PostgreSQL')
      await login(`${other}-db`, async (ask) => await t.rejects(ask('SELECT n FROM riches'), 'nothing of it is there'));

    const restored = await db(['restore', second, 'shop.sql.gz']);
    t.equal(restored.exitCode, 0, restored.stderr);
    t.same(await dumpOf(second), held, 'the same rows, and what works on them');
    const again = await db(['restore', second, 'shop.sql']);
    t.equal(again.exitCode, 1, 'what is there is not overwritten');
    t.match(again.stderr, /exit code \d[^]*already exists/u);
    t.same(await dumpOf(second), held);

    // Where an earlier call ended after the first thing that it made.
    await declare(client, databaseType, object('Database', third, { engine }));
    const cloned = await db(['clone', first, third]);
    t.equal(cloned.exitCode, 0, cloned.stderr);
    t.match(cloned.stdout, `databaseuser.hosting.wcp360.io/${third} created`);
    t.same(await dumpOf(third), held);

    const asked = await db(['shell', first], 'SELECT 21 + 21;\n');
    t.match(asked.stdout, '42');
    const rows = { databases: [{ name: first, access: 'ReadWrite' }], secretName: `${first}-rows` };
    await declare(client, userType, object('DatabaseUser', `${first}-rows`, rows));
    await settled(userType, `${first}-rows`, 'Available');
    const partial = await db(['dump', first, 'partial.sql', '--user', `${first}-rows`]);
    if (engine === 'PostgreSQL') t.equal(partial.exitCode, 0, partial.stderr);
    else t.match(partial, { exitCode: 1, stderr: /has triggers that DatabaseUser \S+-rows may not see/ });
    await rm(join(files, 'partial.sql'), { force: true });
    const nobody = await db(['dump', first, 'nobody.sql', '--user', 'nobody']);
    t.equal(nobody.exitCode, 1);
    t.match(nobody.stderr, 'There is no DatabaseUser nobody');
    t.same((await readdir(files)).toSorted(), ['cut.sql', 'cut.sql.gz', 'shop.sql', 'shop.sql.gz'], 'nothing beside');
    for (const name of await readdir(files)) await rm(join(files, name));
  });

  await t.test(`whoever works with a Database on ${engine} may do so, and shows its password to nobody`, async (t) => {
    const name = `${shop}-1`;
    const asOwnerOf = async (of: string, words: readonly string[], input?: string) => {
      const path = join(files, `${of}.kubeconfig`);
      await writeFile(path, (await instance.wcpctl(['tenant', 'kubeconfig', of])).stdout, { mode: 0o600 });
      const options = { cwd: files, kubeconfig: path, ...(input !== undefined && { input }) };
      return await instance.wcpctl(['db', ...words, '-n', tenant], options);
    };
    await declareTenant(client, 'beta');
    for (const words of [
      ['dump', name],
      ['restore', name, '-'],
      ['shell', name],
    ]) {
      const { exitCode, stderr } = await asOwnerOf('beta', words, '');
      t.equal(exitCode, 1);
      t.match(stderr, /forbidden/u, words.join(' '));
    }
    t.match((await asOwnerOf(tenant, ['dump', name])).stdout, 'riches', 'its owner');

    const { password = '' } = await connection(`${name}-db`);
    const slow = asOwnerOf(tenant, ['shell', name], sleep[engine]);
    const lines = await until(async () => {
      const found = await commandLines();
      return found.some((line) => programs[engine].test(line)) ? found : undefined;
    }, 'the program to run');
    t.equal(password.length > 16, true);
    t.notOk(lines.some((line) => line.includes(password)));
    t.match((await slow).stdout, '42');
    for (const file of await readdir(files)) await rm(join(files, file));
  });
}

await t.test(
  'no more deleted Databases are kept than the package allows, and none is dropped to make room',
  async (t) => {
    const namespace = 'hoarder';
    await declareTenant(client, namespace, { database: { retained: 1 } });
    const of = (name: string) => ({
      ...object('Database', name, { engine: 'PostgreSQL' }),
      metadata: { name, namespace },
    });
    const says = async (name: string, reason: string) => await settled(databaseType, name, reason, namespace);
    await declare(client, databaseType, of('one'));
    await says('one', 'Available');
    await gone(databaseType, 'one', namespace);
    await declare(client, databaseType, of('two'));
    t.match(conditionOf(await says('two', 'RetainedLimit'), 'Ready'), {
      message: /\(1\).*\(1\): declare one of them again/,
    });
    await declare(client, databaseType, of('one'));
    await says('one', 'Available');
    await says('two', 'Available');
    await gone(databaseType, 'two', namespace);
    await gone(databaseType, 'one', namespace);
    await declare(client, databaseType, of('three'));
    await says('three', 'RetainedLimit');
    const { items } = await client.list<KubeObject>(keptType);
    const kept = items.filter(({ metadata }) => metadata.name.startsWith(`database.${namespace}.`));
    t.equal(kept.length, 2, 'what is kept stays');
    for (const { metadata } of kept) await client.delete(keptType, { name: metadata.name });
    await says('three', 'Available');
  },
);

for (const engine of ['PostgreSQL', 'MariaDB'] as const) {
  const name = `site-${engine.toLowerCase()}`;
  const hostname = `${name}.${tenant}.test`;

  await t.test(
    `PHP of a Domain works with ${engine} by what the Secret of a DatabaseUser brings into its environment`,
    async (t) => {
      await declare(client, databaseType, object('Database', name, { engine }));
      await declare(client, userType, anOwner(name));
      await declareSite(
        client,
        aDomain(tenant, name, { php: { envFrom: [{ prefix: 'DB_', secretRef: { name: `${name}-db` } }] } }),
      );
      await settled(userType, name, 'Available');
      await instance.place(tenant, `domains/${name}/public/index.php`, counter);
      t.match(await visited(hostname), { visits: 1 });
      t.match(await visited(hostname), { visits: 2, password: (await connection(`${name}-db`))['password'] });
    },
  );

  await t.test(`a new password for ${engine} reaches PHP, and no visitor is told of it`, async (t) => {
    const { password: before } = await connection(`${name}-db`);
    const visits: unknown[] = [];
    let isOver = false;
    const visiting = Array.from({ length: 3 }, async () => {
      while (!isOver) visits.push(await visited(hostname));
    });
    await command(name, t);
    const isTaken = (): boolean => ![before, undefined].includes((visits.at(-1) as Visited | undefined)?.password);
    await until(isTaken, 'the new password').finally(() => (isOver = true));
    await Promise.all(visiting);
    t.same(
      visits.filter((visit) => (visit as Visited).visits === undefined),
      [],
    );
    t.ok(visits.length > 5, 'there were visitors');
  });
}

await t.test('a password is in the environment of the PHP that it is for, and nowhere else on the host', async (t) => {
  const { password = '' } = await connection('site-mariadb-db');
  t.match(await visited(`site-mariadb.${tenant}.test`), { password });
  const uid = await instance.uidOf(tenant);
  const holders = processesWith('environ', password);
  t.not(holders.length, 0);
  for (const pid of holders) t.equal(statSync(`/proc/${pid}`).uid, uid);
  t.same(processesWith('cmdline', password), []);
  const neighbour = 'domains/site-postgresql/public/all.php';
  await instance.place(tenant, neighbour, '<?php echo json_encode(getenv());');
  const { body } = await instance.http(`site-postgresql.${tenant}.test`, '/all.php');
  t.match(body, /DB_password/);
  t.notMatch(body, password, 'another site of the tenant');
  const said = await instance.wcpctl(['get', 'hosting,events', '-A', '-o', 'yaml']);
  t.match(said.stdout, /site-mariadb/);
  t.notMatch(said.stdout, password);
  const filesWith = async () => (await run(['/bin/grep', '-rlF', '--', password, instance.directory])).stdout;
  t.equal(await filesWith(), '');
  await instance.place(tenant, 'domains/site-mariadb/note.txt', password);
  t.match(await filesWith(), /^\S*domains\/site-mariadb\/note\.txt\n$/, 'it would be found');
});

interface Visited {
  readonly visits?: number;
  readonly password?: string;
}

async function visited(hostname: string): Promise<unknown> {
  const { status, body } = await instance.http(hostname);
  return status === 200 ? JSON.parse(body) : { status, body };
}
