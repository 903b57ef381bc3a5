import t from 'tap';
import { HostError, required, type PostponedError } from '#runtime/base/errors.ts';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { createDatabasesDriver } from '#runtime/drivers/databases/create-driver.ts';
import {
  noDatabases,
  type DatabaseAction,
  type DatabaseSettings,
  type ServersState,
} from '#runtime/drivers/databases/model.ts';
import { createDatabaseJobs } from '#runtime/drivers/databases/jobs.ts';
import { createPatrol } from '#runtime/drivers/databases/patrol.ts';
import { enterServer, type ServerHolder, type ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { createServersDriver, type ServersWorld } from '#runtime/drivers/databases/servers-driver.ts';
import { createDatabaseSizes } from '#runtime/drivers/databases/sizes.ts';
import { emptyDatabases, putFound } from '#runtime/drivers/databases/snapshot.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { judgeHolder } from '#runtime/cmd/controller/look-at-server.ts';
import { createServerRoster } from '#runtime/cmd/agent/database-servers.ts';
import { createOwnServersKeeper, type StartableServer } from '#runtime/cmd/agent/own-servers.ts';
import { installedPostgresql } from '#runtime/drivers/postgresql/index.ts';
import type { Host, PostgresqlVersion } from '#runtime/host/host.ts';
import { createMemoryHost } from '#runtime/host/memory/memory-host.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { databaseServerKind } from '#schemas/index.ts';
import { aCache } from '#test/builders/cache.ts';
import { allIndexes } from '#test/builders/controllers.ts';
import { anObject } from '#test/builders/objects.ts';
import { until } from '#test/lab/instance.ts';
import { labIntake, labTenant } from '#test/lab/intake.ts';
import { withoutPrograms } from '#test/lab/model-databases.ts';

// Several servers of one engine. What they hold is names in memory: each engine keeps its own laws on real servers.

const signal = new AbortController().signal;
const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };
const settings: DatabaseSettings = { encoding: 'x', collation: 'x', extensions: [], access: 'Open' };

interface Model {
  readonly host: ServerHost;
  readonly held: Map<string, string>;
  isUp: boolean;
  /** Nobody is refused, and nothing is answered. */
  isStill: boolean;
}

function aServer(server: string): Model {
  const model: Model = {
    isUp: true,
    isStill: false,
    held: new Map(),
    host: {
      server,
      readProgramText: () => Promise.resolve(''),
      hasServer: () => Promise.resolve(true),
      enter: () => Promise.reject(new HostError(`${server} is down`)),
      way: () => Promise.resolve({ socketDirectory: '/run', socketFile: 'model.sock' }),
      isRemote: false,
      administrator: () => Promise.reject(new HostError(`${server} is down`)),
    },
  };
  models.set(model.host, model);
  return model;
}

const models = new WeakMap<ServerHost, Model>();

async function enter(host: ServerHost): Promise<Model['held']> {
  const model = models.get(host);
  if (model?.isUp !== true) await enterServer(host, signal);
  return model?.held ?? new Map<string, string>();
}

const driver = createServersDriver(
  createDatabasesDriver<'model'>(
    {
      name: 'model',
      // They last.
      archiving: {
        ...withoutPrograms,
        closed: async (_holding, _host, over) => await systemClock.sleep(3_600_000, over).then(() => undefined),
      },
      observe: async ({ host }, asking) => {
        if (models.get(host)?.isStill === true) await systemClock.sleep(3_600_000, asking);
        const snapshot = emptyDatabases();
        for (const [name, owner] of await enter(host)) putFound(snapshot.databases, name, { owner, settings });
        return snapshot;
      },
      measure: async () => [],
      endOverlong: async () => 0,
      apply: async ({ op, input: { name, owner } }: DatabaseAction<'model'>, { host }) => {
        const held = await enter(host);
        if (op === 'drop-database') held.delete(name);
        else held.set(name, owner);
      },
    },
    { longestLookMs: 1_000 },
  ),
);

const own = aServer('');
const main = aServer('main');
const world: ServersWorld = {
  secrets: { read: () => Promise.resolve(undefined) },
  databaseServers: () => [own.host, main.host],
};
const here: ServersState = { ...noDatabases, databases: new Map([['d_one', settings]]) };
const there: ServersState = { ...noDatabases, elsewhere: new Map([['main', here]]) };
const nothingThere: ServersState = { ...noDatabases, elsewhere: new Map([['main', noDatabases]]) };

const planned = async (state: ServersState) =>
  driver.plan(one, state, driver.of(one, await driver.observe(world, signal)));

async function reach(state: ServersState): Promise<readonly string[]> {
  const actions = await planned(state);
  for (const action of actions) await driver.apply(action, world, signal);
  return actions.map(({ op, subject }) => `${op} ${subject}`);
}

await t.test('what is wanted of one server is made there, and goes from the other', async (t) => {
  t.same(await reach(here), ['create-database model/Database/acme/shop/d_one']);
  t.same(await reach(there), [
    'drop-database model/Database/acme/shop/d_one',
    'create-database model@main/Database/acme/shop/d_one',
  ]);
  t.same([own.held.size, [...main.held.keys()]], [0, ['d_one']]);
  t.same(await planned(there), []);
});

await t.test('a server that does not answer is in nobody’s way, and nothing on it is taken for gone', async (t) => {
  main.isUp = false;
  t.same(await planned(here), await planned({ ...here }), 'who wants nothing there goes on');
  t.match(await planned(here), [{ op: 'create-database' }]);
  for (const state of [there, nothingThere]) {
    t.match(
      await planned(state),
      [{ op: 'reach-server', input: { server: 'main' } }],
      'there is no saying what is to be done',
    );
    await t.rejects(reach(state), /main is down/);
  }
  main.isUp = true;
  t.same(await reach(nothingThere), ['drop-database model@main/Database/acme/shop/d_one']);
});

await t.test('a server that stands still is one that does not answer, and in nobody’s way', async (t) => {
  main.isStill = true;
  t.match(await planned(here), [{ op: 'create-database' }]);
  t.match(await planned(there), [{ op: 'reach-server', input: { server: 'main' } }]);
  await t.rejects(reach(there), /did not answer within 1s/);
  main.isStill = false;
});

await t.test('two names of one server do not take each other’s databases for left-overs', async (t) => {
  const [first, mirror] = ['main', 'mirror'].map((name) => ({ ...aServer(name).host, isShared: true as const }));
  const names = [required(first, 'a name'), required(mirror, 'another one')];
  for (const host of names) models.set(host, main);
  const both = { ...world, databaseServers: () => [own.host, ...names] };
  await reach(there);
  t.same(driver.plan(one, there, driver.of(one, await driver.observe(both, signal))), []);
  t.same([...main.held.keys()], ['d_one']);
  await reach(nothingThere);
  t.equal(main.held.size, 0, 'what is meant goes');
});

await t.test('on all servers that answer nothing is left open without its object, and all of it stays', async (t) => {
  const abandon = async (): Promise<readonly string[]> => {
    const seen = driver.of(one, await driver.observe(world, signal));
    const actions = driver.plan(one, driver.orphaned?.(one, seen) ?? driver.nothing, seen);
    return actions.map(({ op, subject }) => `${op} ${subject}`);
  };
  const served = async () => [...(driver.owners?.(await driver.observe(world, signal)) ?? [])];
  own.held.set('d_one', 'Database/acme/shop');
  main.held.set('d_two', 'Database/acme/shop');
  t.same(await served(), ['Database/acme/shop']);
  t.same(await abandon(), [
    'keep-database model/Database/acme/shop/d_one',
    'keep-database model@main/Database/acme/shop/d_two',
  ]);
  main.isUp = false;
  t.same(await abandon(), ['keep-database model/Database/acme/shop/d_one'], 'nobody waits for one that is away');
  own.held.clear();
  t.same(await served(), [], 'and nobody knows what that has');
  t.same(await abandon(), []);
  main.isUp = true;
  main.held.clear();
});

await t.test(
  'on a server where others may have marks, only what was served here can be without its object',
  async (t) => {
    const shared = aServer('debian');
    let here: readonly string[] = ['Database/acme/shop'];
    const host = { ...shared.host, isShared: true } as const;
    models.set(host, shared);
    const among = {
      ...world,
      databaseServers: () => [host],
      isServedHere: (owner: string) => here.includes(owner),
    };
    const served = async () => [...(driver.owners?.(await driver.observe(among, signal)) ?? [])].toSorted();
    shared.held.set('d_one', 'Database/acme/shop').set('d_two', 'Database/zoo/shop');
    t.same(await served(), ['Database/acme/shop']);
    here = [];
    t.same(await served(), ['Database/acme/shop'], 'it is remembered');
    const made = {
      ...noDatabases,
      elsewhere: new Map([['debian', { ...noDatabases, databases: new Map([['d_three', settings]]) }]]),
    };
    const third: Owner = { ...one, name: 'third' };
    for (const action of driver.plan(third, made, driver.of(third, await driver.observe(among, signal))))
      await driver.apply(action, among, signal);
    t.same(await served(), ['Database/acme/shop', 'Database/acme/third']);
  },
);

await t.test('whoever needs a server waits for one start of it, all together, and as long as each may', async (t) => {
  const starts: PromiseWithResolvers<void>[] = [];
  const slow: StartableServer = {
    port: 0,
    hasServer: () => Promise.resolve(true),
    start: async () => {
      const start = Promise.withResolvers<void>();
      starts.push(start);
      await start.promise;
    },
    placeIdentity: () => Promise.resolve(),
    reload: () => Promise.resolve(),
  };
  const keeper = createOwnServersKeeper(createMemoryHost(), { postgresql: slow, mariadb: slow }, signal);
  const asked = async (asking: AbortSignal): Promise<unknown> =>
    await keeper.start('mariadb', asking).catch((err: unknown) => err);
  const over = new AbortController();
  const impatient = asked(over.signal);
  const others = [1, 2, 3].map(async () => await asked(signal));
  await until(() => starts.length === 1, 'a start');
  over.abort(new Error('given up'));
  t.match(await impatient, { message: 'given up' });
  required(starts[0], 'a start').reject(new HostError('it does not start'));
  t.match(
    await Promise.all(others),
    [1, 2, 3].map(() => ({ message: 'it does not start' })),
  );
  t.equal(starts.length, 1);
  const again = asked(signal);
  await until(() => starts.length === 2, 'another start');
  starts[1]?.resolve();
  t.same([await again, await asked(signal), starts.length], [undefined, undefined, 2], 'it is known to run');
});

await t.test('what is left on another server of who is declared anew is closed, and stays', async (t) => {
  const ownOnly: ServersState = { ...noDatabases, databases: new Map([['d_new', settings]]) };
  await reach(ownOnly);
  main.held.set('d_one', 'Database/acme/shop');
  t.same(await reach(ownOnly), ['keep-database model@main/Database/acme/shop/d_one']);
  t.same([...main.held.keys()], ['d_one']);
  main.isUp = false;
  t.same(await reach(ownOnly), [], 'nobody waits for one that is away');
  main.isUp = true;
  main.held.clear();
  own.held.clear();
});

await t.test('a server stays the same one, whoever may use it', async (t) => {
  const left: string[] = [];
  const roster = createServerRoster({
    hostName: 'web1',
    own: { postgresql: own.host, mariadb: own.host },
    host: { readProgramText: own.host.readProgramText } as unknown as Host,
    secrets: world.secrets,
    installation: () => Promise.resolve(undefined),
    relays: {
      lead: () => () => Promise.reject(new Error('nobody comes')),
      leave: ({ engine, name }) => void left.push(`${engine}/${name}`),
    },
  });
  const external = { address: 'db.internal:5432', adminSecretRef: { name: 'boss' } };
  const found = (spec: object): ServerHost | undefined => {
    const declared = { metadata: { name: 'main' }, spec: { engine: 'PostgreSQL', external, ...spec } };
    const object = anObject(databaseServerKind, { ...declared, status: { hosts: ['web1'] } });
    return roster.of('postgresql', aCache([object], allIndexes)).find(({ server }) => server === 'main');
  };
  const first = found({});
  t.ok(first);
  for (const spec of [
    { isDefault: true },
    { limits: { databases: 5, connections: 7 } },
    { adoptable: [{ databaseName: 'legacy', namespace: 'acme' }] },
  ])
    t.equal(found(spec), first, JSON.stringify(spec));
  t.same(left, []);
  t.equal(found({ lost: true }), undefined, 'one that is lost is none');
  t.same(left.splice(0), ['PostgreSQL/main'], 'and nobody is led there');
  for (const spec of [
    { versions: { max: '16' } },
    { external: { ...external, tls: { serverName: 'db.example' } } },
    { external: { ...external, adminSecretRef: { name: 'chief' } } },
  ])
    t.not(found(spec), found({}), JSON.stringify(spec));
  t.same(left, [], 'whoever is led to one that is reached otherwise stays');
  t.equal(found({ engine: 'MariaDB' }), undefined);
  t.same(left, ['PostgreSQL/main'], 'one of another engine is another one');
});

await t.test('a server is told to be somebody else’s when it is, and no false alarm is given', async (t) => {
  const self = { installation: 'ours', server: 'main' };
  const judged = (holder: ServerHolder, work: Parameters<typeof judgeHolder>[2]): unknown => {
    try {
      return judgeHolder(holder, self, work);
    } catch (err) {
      return (err as PostponedError).message;
    }
  };
  const others = ['copy'];
  t.equal(judged(self, { others }), undefined, 'its own: restored from a backup, moved, or known to a restored store');
  t.same(judged({ installation: 'ours', server: 'old' }, { others }), self, 'it was called otherwise');
  const copy = { installation: 'ours', server: 'copy' };
  t.match(judged(copy, { others }), /is the one of DatabaseServer copy: .*confirm=copy$/);
  t.same(judged(copy, { others, confirmed: 'copy' }), self, 'a copy that runs beside');
  const theirs = { installation: 'theirs', server: 'main' };
  t.match(judged(theirs, { others }), /another installation [(]theirs, as main[)].*confirm=theirs$/);
  t.match(judged(theirs, { others, confirmed: 'main' }), /another installation/, 'another word');
  t.same(judged(theirs, { others, confirmed: 'theirs' }), self, 'the store was made anew');
});

await t.test('the PostgreSQL of a host is the one that its data is of, whatever else is installed', async (t) => {
  const version = (major: number, server?: string) => ({
    major,
    programs: `/usr/lib/postgresql/${major}/bin`,
    ...(server === undefined ? {} : { server }),
  });
  const account = { uid: 110, gid: 110 };
  const found = async (versions: readonly PostgresqlVersion[], data?: string) => {
    const host = createMemoryHost({ capabilities: { postgresql: { account, versions } } });
    const directories = ['databases', 'databases/postgresql', 'databases/postgresql/data'];
    for (const directory of data === undefined ? [] : directories)
      await host.makeDirectory(`${host.root}/${directory}`, { mode: 0o755, uid: 0, gid: 0 }, signal);
    if (data !== undefined) host.byHand(`${host.root}/${directories[2]}/PG_VERSION`, { content: `${data}\n` });
    return await installedPostgresql(host, signal);
  };
  const both = [version(15, '15.18'), version(17, '17.2')];
  const fifteen = { version: '15.18', programs: '/usr/lib/postgresql/15/bin', ...account };
  t.same(await found(both, '15'), fifteen, 'a newer one was installed beside');
  t.same(await found(both), { version: '17.2', programs: '/usr/lib/postgresql/17/bin', ...account }, 'a new one');
  t.same(await found([version(15, '15.18'), version(17)]), fifteen, 'of the newer one only clients are there');
  t.same(await found([version(17, '17.2')], '15'), { version: '15', lacks: 'postgresql-15' });
  t.same(await found([version(15)]), undefined, 'clients alone');
  t.same(await found([version(15)], '15'), { version: '15', lacks: 'postgresql-15' });
});

await t.test('who never had anything with an engine does not wait for its server', async (t) => {
  own.isUp = false;
  t.same(await planned({ ...noDatabases, isStranger: true }), []);
  t.match(await planned(noDatabases), [{ op: 'reach-server' }], 'others do');
  own.isUp = true;
});

await t.test('whether others changed something is told of every server', async (t) => {
  await reach(there);
  t.equal(driver.isAsLeft?.(driver.of(one, await driver.observe(world, signal))), true);
  const changed = new Map([['main', { ...noDatabases, databases: new Map([['d_one', undefined]]) }]]);
  t.equal(driver.isAsLeft?.({ ...noDatabases, elsewhere: changed }), false);
  t.equal(driver.isAsLeft?.(noDatabases), undefined);
  await reach(nothingThere);
});

await t.test('a server that nobody has told of is none without anything on it', async (t) => {
  const early = { ...world, databaseServers: () => [own.host] };
  const observed = driver.of(one, await driver.observe(early, signal));
  const [action] = driver.plan(one, nothingThere, observed);
  t.match(action, { op: 'reach-server' });
  if (action !== undefined) await t.rejects(driver.apply(action, early, signal), /knows of no DatabaseServer main/);
});

await t.test('a server that is back wakes those who failed on it, long before the next look', async (t) => {
  const over = new AbortController();
  const sleep: Clock['sleep'] = async (ms, ended) => await systemClock.sleep(ms > 60_000 ? ms : ms / 100, ended);
  const patrol = createPatrol({ sizes: createDatabaseSizes(), everyMs: 3_600_000, clock: { ...systemClock, sleep } });
  let woken = 0;
  const watching = driver.watchDrift?.({ ...world, patrol }, () => void (woken += 1), over.signal);
  // Tests before have found it closed.
  await until(() => woken >= 3, 'the first look at each, and another one');
  const before = woken;
  main.isUp = false;
  await t.rejects(driver.apply({ ...(await planned(there))[0] } as never, world, signal), /main is down/);
  await systemClock.sleep(200, signal);
  t.equal(woken, before, 'nobody is woken for nothing');
  main.isUp = true;
  await until(() => woken > before, 'all to be woken');
  over.abort();
  await watching;
});

await t.test('what takes its time and failed on a server is tried again once that is back', async (t) => {
  const over = new AbortController();
  const hourly: Clock = {
    ...systemClock,
    sleep: async (_ms, ended) => await systemClock.sleep(3_600_000, ended),
  };
  const jobs = createDatabaseJobs({ atOnce: 1, clock: hourly, log: silentLogger, signal: over.signal });
  let tries = 0;
  const work = async (): Promise<readonly string[]> => {
    tries += 1;
    await enter(main.host);
    if (tries < 3) throw new HostError('it failed otherwise');
    return [];
  };
  const said = (): string => jobs.of('model@main', 'one').get('d_one')?.message ?? '';
  main.isUp = false;
  jobs.start({ driver: 'model@main', host: main.host, name: 'd_one', owner: 'one', work });
  await until(() => said().includes('main is down'), 'a failure');
  const patrol = createPatrol({ sizes: createDatabaseSizes(), everyMs: 3_600_000, clock: systemClock });
  const watching = driver.watchDrift?.({ ...world, patrol, jobs }, () => undefined, over.signal);
  t.equal(tries, 1);
  main.isUp = true;
  await until(() => said().includes('it failed otherwise'), 'another try');
  jobs.wake('model@main');
  await systemClock.sleep(200, signal);
  t.equal(tries, 2, 'not again within the hour');
  over.abort();
  await watching;
});

await t.test(
  'what takes its time ends with the server that it began on, and whoever wants it begins anew',
  async (t) => {
    const over = new AbortController();
    const clock: Clock = { ...systemClock, sleep: async (ms, ended) => await systemClock.sleep(ms / 100, ended) };
    const patrol = createPatrol({ sizes: createDatabaseSizes(), everyMs: 3_600_000_000, clock });
    const jobs = createDatabaseJobs({ atOnce: 9, clock: systemClock, log: silentLogger, signal: over.signal });
    const [anew, mirror] = [aServer('main'), aServer('mirror')];
    models.set(anew.host, main);
    let servers = [own.host, main.host, mirror.host];
    const intake = { ...labIntake, seatOf: () => labTenant };
    const watched = { ...world, databaseServers: () => servers, patrol, jobs, intake };
    const begin = async (name: string, server: string): Promise<void> => {
      const action = { driver: 'model', op: 'dump-database', subject: '', reason: '', disruption: 'none', changes: [] };
      await driver.apply(
        { ...action, input: { name, owner: name, ...(server === '' ? {} : { server }) } } as never,
        watched,
        signal,
      );
    };
    const underway = () =>
      ['model', 'model@main', 'model@mirror'].flatMap((place) =>
        ['d_own', 'd_main', 'd_mirror'].filter((name) => jobs.of(place, name).has(name)),
      );
    const told: (readonly string[] | undefined)[] = [];
    const watching = driver.watchDrift?.(watched, (owners) => void told.push(owners), over.signal);
    await begin('d_own', '');
    await begin('d_main', 'main');
    await begin('d_mirror', 'mirror');
    await systemClock.sleep(200, signal);
    t.same(underway(), ['d_own', 'd_main', 'd_mirror'], 'the control');
    servers = [own.host, anew.host];
    await until(() => underway().length === 1, 'the end of what began on those that are gone');
    t.same(underway(), ['d_own']);
    await until(
      () => ['d_main', 'd_mirror'].every((owner) => told.some((owners) => owners?.includes(owner))),
      'all to be told',
    );
    await begin('d_main', 'main');
    await systemClock.sleep(200, signal);
    t.same(underway(), ['d_own', 'd_main'], 'on the one that it is now');
    over.abort();
    await watching;
  },
);
