import t, { type Test } from 'tap';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { keyText, resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { createDriverRuntimes } from '#runtime/manager/driver-runtime.ts';
import { createControllerMetrics } from '#runtime/manager/metrics.ts';
import { createOrphanSweep } from '#runtime/manager/orphans.ts';
import { createReconciler, type ReconcilerOptions } from '#runtime/manager/reconciler.ts';
import type { Orphans } from '#runtime/manager/removal-guard.ts';
import { nginxDriver, type NginxWorld } from '#runtime/drivers/nginx/index.ts';
import { createWorkQueue } from '#runtime/base/work-queue.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import {
  databaseKind,
  databaseUserKind,
  domainKind,
  hostKind,
  packageKind,
  retainedDataKind,
  tenantKind,
} from '#schemas/index.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { startHosting, type Hosting, type Running, type World } from '#test/lab/hosting.ts';
import { conditionOf, eventually, widgetController } from '#test/lab/widgets.ts';

// What is on a machine and not in the store: served no longer when it is a single mishap, left alone and told when the store itself is in doubt. Data never goes.

interface Lab extends Hosting {
  /** The worlds before anything was declared, and with `sites` at rest. */
  readonly empty: World;
  readonly full: World;
  begin(program: 'leader' | 'agent'): Promise<Running>;
  declareAll(): Promise<void>;
  site(name: string): unknown;
  content(name: string): string | undefined;
  alarm(): Promise<Record<string, unknown> | undefined>;
  confirm(word: string): Promise<unknown>;
}

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `site${index}`);

/** `count` sites of tenant acme, each with a page, served by a leader and an agent that have ended. */
async function setUp(t: Test, count: number): Promise<Lab> {
  const hosting = await startHosting();
  const running: Running[] = [];
  t.teardown(async () => {
    await Promise.all(running.map(async (each) => await each.stop()));
    await hosting.close();
  });
  const { root } = hosting.machine;
  const pathOf = (name: string): string => `${root}/tenants/acme/domains/${name}/public/index.html`;
  const lab = {
    ...hosting,
    get machine() {
      return hosting.machine;
    },
    begin: async (program: 'leader' | 'agent') => {
      const each = await hosting.start(program);
      running.push(each);
      return each;
    },
    declareAll: async () => {
      await hosting.apply(packageKind, 'starter', { isDefault: true });
      await hosting.apply(tenantKind, 'acme', {});
      await eventually(
        async () => conditionOf(await hosting.get(tenantKind, 'acme'), 'Ready')?.['status'] === 'True',
        'acme',
      );
      for (const name of names(count)) {
        await hosting.apply(domainKind, name, { hostname: `${name}.example`, php: {} }, 'acme');
      }
      for (const name of names(count)) await eventually(async () => await isServed(hosting, name), name);
    },
    site: (name: string) => {
      const node = hosting.machine.tree.nodes.get(`${root}/front/sites/${name}.example`);
      return node === undefined ? undefined : (JSON.parse(node.content) as unknown);
    },
    content: (name: string) => hosting.machine.tree.nodes.get(pathOf(name))?.content,
    alarm: async () => {
      const host = await hosting.get(hostKind, 'web1');
      return conditionOf(host, 'StoreChanged') ?? conditionOf(host, 'ManyObjectsVanished');
    },
    confirm: async (word: string) => {
      const body = { metadata: { annotations: { 'hosting.wcp360.io/confirm': word } } };
      return await hosting.client.patch(resourceTypeOf(hostKind), { name: 'web1' }, { type: 'merge', body });
    },
  };
  const empty = await hosting.save();
  const both = [await hosting.start('leader'), await hosting.start('agent')];
  await lab.declareAll();
  for (const name of names(count)) {
    hosting.machine.byHand(pathOf(name), { type: 'file', content: `page of ${name}`, uid: 20_000, gid: 20_000 });
  }
  await Promise.all(both.map(async (each) => await each.stop()));
  return { ...lab, empty, full: await hosting.save() };
}

async function isServed(hosting: Hosting, name: string): Promise<boolean> {
  return conditionOf(await hosting.get(domainKind, name, 'acme'), 'Ready')?.['status'] === 'True';
}

/** Longer than the sweep waits for company. */
const calm = async (): Promise<void> => await delay(1_500);

/** The same store as that of another cluster: its system namespace is not the one that the machine knows. */
function ofAnotherCluster(stored: World['stored']): World['stored'] {
  const key = '/registry/core/namespaces/wcp360-system';
  const namespace = JSON.parse(stored.get(key)?.toString() ?? '') as KubeObject;
  const metadata = { ...namespace.metadata, uid: '11111111-2222-4333-8444-555555555555' };
  return new Map([...stored, [key, Buffer.from(JSON.stringify({ ...namespace, metadata }))]]);
}

const otherWord = '11111111-2222-4333-8444-555555555555';

function without(stored: World['stored'], isGone: (key: string) => boolean): World['stored'] {
  return new Map([...stored].filter(([key]) => !isGone(key)));
}

const eventType = { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true };

const isDomain = (key: string): boolean => key.includes('/domains/');

t.test(
  'a site whose finalizer was stripped is served no longer; its files stay, and come back with its name',
  async (t) => {
    const lab = await setUp(t, 2);
    await lab.begin('leader');
    await lab.begin('agent');
    await lab.load({ stored: without(lab.full.stored, (key) => key.endsWith('/domains/acme/site0')) });
    await eventually(() => lab.site('site0') === undefined, 'the record to go');
    await calm();
    t.ok(lab.site('site1'), 'others are served on');
    t.equal(await lab.alarm(), undefined);
    await lab.apply(domainKind, 'site0', { hostname: 'site0.example' }, 'acme');
    await eventually(async () => await isServed(lab, 'site0'), 'it to be served again');
    t.equal(lab.content('site0'), 'page of site0');
  },
);

t.test('what the store lacks counts as gone, though the cache has heard of one only', async (t) => {
  const hosting = await startHosting();
  t.teardown(async () => await hosting.close());
  const lifetime = new AbortController();
  const found = Promise.withResolvers<Orphans>();
  const keys = names(6).map((name) => keyText({ namespace: 'acme', name }));
  const sweep = createOrphanSweep({
    client: hosting.client,
    cache: { get: (_kind: unknown, { name }: ObjectKey) => (name === 'site0' ? undefined : {}) } as unknown as Cache,
    keepers: [{ kind: domainKind, owners: async () => new Set(keys), abandon: () => undefined }],
    guard: {
      hold: () => undefined,
      suspect: () => undefined,
      releases: async (orphans) => (found.resolve(orphans), false),
      onLift: () => undefined,
    },
    clock: systemClock,
    log: silentLogger,
  });
  const running = sweep.run(lifetime.signal);
  t.equal((await found.promise).orphans.length, 6);
  lifetime.abort();
  await running;
});

t.test('what no cache here has, and the store has by the time that it is taken down, is served on', async (t) => {
  const lab = await setUp(t, 1);
  const { signal } = new AbortController();
  const told: unknown[] = [];
  const common = {
    controller: { ...widgetController(), kind: domainKind, drivers: { nginx: nginxDriver } },
    client: lab.client,
    cache: { get: () => undefined } as unknown as Cache,
    world: { host: lab.machine },
    clock: systemClock,
    log: silentLogger,
    signal,
  } as unknown as Omit<ReconcilerOptions<NginxWorld>, 'drivers'> & { readonly signal: AbortSignal };
  const metrics = createControllerMetrics(createMetrics(), { name: 'test', concurrency: 1, depth: () => 0 });
  const reconciler = createReconciler({
    ...common,
    drivers: createDriverRuntimes(common),
    queue: createWorkQueue({ clock: systemClock }),
    metrics,
    events: { record: (object, { reason }) => void told.push([object.metadata, reason]), flush: async () => undefined },
    fence: () => undefined,
  });
  const key = keyText({ namespace: 'acme', name: 'site0' });
  const takeDown = async (): Promise<void> => {
    reconciler.abandon(key);
    t.equal(await reconciler.reconcile(key, signal), 'success');
  };
  await takeDown();
  t.ok(lab.site('site0'), 'another host may have it by now');
  t.same(told, []);
  await lab.load({ stored: without(lab.full.stored, (path) => path.endsWith('/domains/acme/site0')) });
  await takeDown();
  t.notOk(lab.site('site0'));
  t.same(told, [[{ namespace: 'acme', name: 'site0' }, 'Orphaned']]);
});

t.test('what vanished while the agent was away is found when it starts', async (t) => {
  const lab = await setUp(t, 3);
  await lab.load({ stored: without(lab.full.stored, (key) => key.endsWith('/domains/acme/site1')) });
  await lab.begin('agent');
  await eventually(() => lab.site('site1') === undefined, 'the record to go');
  t.notOk(lab.machine.tree.nodes.has(`${lab.machine.root}/run/pools/acme.site1.json`));
  t.equal(lab.content('site1'), 'page of site1');
  t.ok(lab.site('site0'));
});

t.test('attached to another store, a machine serves on and deletes nothing until a person confirms', async (t) => {
  const lab = await setUp(t, 2);
  const before = lab.machine.treeHash();
  await lab.load({ stored: ofAnotherCluster(lab.empty.stored) });
  await lab.begin('leader');
  const agent = await lab.begin('agent');
  const alarm = await eventually(async () => await lab.alarm(), 'the alarm');
  t.match(alarm, { type: 'StoreChanged', status: 'True', reason: 'OtherStore' });
  t.match(alarm['message'], `wcpctl host confirm web1 ${otherWord}`);
  t.match(lab.alarms, ['OtherStore']);
  await calm();
  t.equal(lab.machine.treeHash(), before, 'not a byte has changed');
  await agent.stop();
  await lab.begin('agent');
  await calm();
  t.equal(lab.machine.treeHash(), before, 'nor after a restart');
  await lab.confirm('something-else');
  await calm();
  t.equal(lab.machine.treeHash(), before, 'nor for a wrong word');
  t.equal(lab.alarms.filter((reason) => reason === 'OtherStore').length, 2, 'an alarm is told once by each agent');
});

t.test(
  'rebuilt from Git in a new store, every site finds what is its own, and deletions wait for a person',
  async (t) => {
    const lab = await setUp(t, 3);
    await lab.load({ stored: ofAnotherCluster(lab.empty.stored) });
    await lab.begin('leader');
    await lab.begin('agent');
    await lab.declareAll();
    for (const name of names(3)) t.equal(lab.content(name), `page of ${name}`);
    await lab.remove(domainKind, 'site0', 'acme');
    const held = await eventually(async () => {
      const object = await lab.get(domainKind, 'site0', 'acme');
      return conditionOf(object, 'Reconciling')?.['reason'] === 'RemovalsHeld' ? object : undefined;
    }, 'the deletion to be held');
    t.ok(held.metadata.deletionTimestamp);
    t.ok(lab.site('site0'), 'it is served on');
    t.equal(lab.content('site0'), 'page of site0');
    await lab.confirm(otherWord);
    await eventually(async () => (await lab.get(domainKind, 'site0', 'acme')) === undefined, 'the deletion to end');
    t.equal(lab.site('site0'), undefined);
    t.equal((await lab.client.list(resourceTypeOf(retainedDataKind))).items.length, 1, 'its files are kept');
    t.equal(await lab.alarm(), undefined);
    t.match(lab.machine.tree.nodes.get(`${lab.machine.root}/run/store.json`)?.content, otherWord);
  },
);

t.test('an alarm ends by itself when the right store is back', async (t) => {
  const lab = await setUp(t, 2);
  await lab.load({ stored: ofAnotherCluster(lab.empty.stored) });
  await lab.begin('agent');
  await eventually(async () => await lab.alarm(), 'the alarm');
  await lab.load({ stored: lab.full.stored });
  await eventually(async () => (await lab.alarm()) === undefined, 'the alarm to end');
  t.ok(lab.site('site0'));
});

t.test('many that vanish at once are served on until a person confirms; a word is good for one alarm', async (t) => {
  const lab = await setUp(t, 8);
  await lab.begin('agent');
  const gone = (key: string): boolean => isDomain(key) && !key.endsWith('site7');
  await lab.load({ stored: without(lab.full.stored, gone) });
  const alarm = await eventually(async () => await lab.alarm(), 'the alarm');
  t.match(alarm, { type: 'ManyObjectsVanished', status: 'True', reason: 'ManyAtOnce' });
  await calm();
  t.ok(names(8).every((name) => lab.site(name) !== undefined));
  const word = /confirm web1 (\w+)$/.exec(String(alarm['message']))?.[1] ?? '';
  await lab.confirm(word);
  await eventually(() => names(7).every((name) => lab.site(name) === undefined), 'the records to go');
  t.ok(lab.site('site7'));
  t.ok(
    isEqual(
      names(8).map(lab.content),
      names(8).map((name) => `page of ${name}`),
    ),
    'all data is there',
  );
  await eventually(async () => (await lab.alarm()) === undefined, 'the alarm to end');
  await lab.begin('leader');
  await lab.declareAll();
  const again = without((await lab.save()).stored, gone);
  await lab.load({ stored: again });
  await eventually(async () => await lab.alarm(), 'another alarm');
  await calm();
  t.ok(
    names(8).every((name) => lab.site(name) !== undefined),
    'the old word does not confirm it',
  );
});

t.test('a tenant that is deleted does not take the files of a vanished site with it', async (t) => {
  const lab = await setUp(t, 2);
  await lab.load({ stored: without(lab.full.stored, (key) => key.endsWith('/domains/acme/site0')) });
  await lab.begin('leader');
  await lab.begin('agent');
  await lab.remove(tenantKind, 'acme');
  await eventually(async () => (await lab.get(tenantKind, 'acme')) === undefined, 'the tenant to go');
  t.notOk(lab.machine.tree.nodes.has(`${lab.machine.root}/tenants/acme`));
  await lab.declareAll();
  for (const name of names(2)) t.equal(lab.content(name), `page of ${name}`);
});

t.test(
  'a login without a DatabaseUser goes; a database without a Database is closed, stays, and comes back with its name',
  async (t) => {
    const lab = await setUp(t, 0);
    await lab.apply(packageKind, 'starter', { isDefault: true });
    await lab.apply(tenantKind, 'acme', {});
    const programs = [await lab.begin('leader'), await lab.begin('agent')];
    const declare = async (): Promise<void> => {
      for (const engine of ['PostgreSQL', 'MariaDB']) {
        const name = engine.toLowerCase();
        await lab.apply(databaseKind, name, { engine }, 'acme');
        await lab.apply(databaseUserKind, name, { databases: [{ name }], secretName: `${name}-db` }, 'acme');
        for (const kind of [databaseKind, databaseUserKind])
          await eventually(
            async () => conditionOf(await lab.get(kind, name, 'acme'), 'Ready')?.['status'] === 'True',
            `${kind.kind} ${name}`,
          );
      }
    };
    const served = (): readonly string[] => {
      const files = [...lab.machine.tree.nodes].filter(([path]) => /\/databases\/\w+\/(database|login)\./.test(path));
      return files.map(([path, { content }]) => {
        const { owner, settings } = JSON.parse(content) as { owner: string; settings: { access?: string } };
        return `${path.includes('/mariadb/') ? 'MariaDB' : 'PostgreSQL'} ${owner} ${settings.access ?? 'login'}`;
      });
    };
    await declare();
    const open = served().toSorted();
    t.equal(open.length, 4);
    const isDeclared = (key: string): boolean => /\/database(user)?s\//.test(key);
    const { stored } = await lab.save();
    await Promise.all(programs.map(async (each) => await each.stop()));
    await lab.load({ stored: without(stored, isDeclared) });
    await lab.begin('leader');
    await lab.begin('agent');
    const closed = ['PostgreSQL Database/acme/postgresql Closed', 'MariaDB Database/acme/mariadb Closed'];
    await eventually(() => isEqual(served().toSorted(), closed.toSorted()), 'the logins to go');
    await eventually(async () => {
      const { items } = await lab.client.list(eventType, { namespace: 'acme' });
      return items.filter(({ reason }) => reason === 'Orphaned').length === 4;
    }, 'an event of each');
    t.equal(await lab.alarm(), undefined);
    await calm();
    await declare();
    t.strictSame(served().toSorted(), open, 'what is declared again is open again');
  },
);
