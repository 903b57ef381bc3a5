import { setTimeout as delay } from 'node:timers/promises';
import { createClusterParts, type ClusterSettings } from '#controllers/cluster-parts.ts';
import { noFront } from '#test/builders/no-front.ts';
import { noTools } from '#test/builders/source-tools.ts';
import { hostReference, hostStatus, type HostFacts } from '#controllers/host/registration.ts';
import { createClusterControllers, createHostControllers } from '#controllers/index.ts';
import { createStoreGuard } from '#controllers/host/store-guard.ts';
import { tellUids } from '#controllers/host/uid-teller.ts';
import type { ClusterWorld, HostWorld } from '#controllers/parts.ts';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { openAccount, type AcmeAccount } from '#runtime/acme/account.ts';
import { accountsDriver } from '#runtime/drivers/accounts/index.ts';
import { challengesDriver } from '#runtime/drivers/challenges/index.ts';
import { ownServersDriver, type OwnServersWorld } from '#runtime/drivers/own-servers/index.ts';
import { nginxDriver } from '#runtime/drivers/nginx/index.ts';
import { createDelegations } from '#runtime/dns/delegations.ts';
import { createNameResolver } from '#runtime/dns/name-resolver.ts';
import { accessFile } from '#runtime/drivers/powerdns/api.ts';
import type { ServersWorld } from '#runtime/drivers/databases/servers-driver.ts';
import { installedPostgresql } from '#runtime/drivers/postgresql/index.ts';
import { powerdnsDriver } from '#runtime/drivers/powerdns/index.ts';
import { askDns } from '#runtime/dns/ask.ts';
import { phpFpmDriver } from '#runtime/drivers/php-fpm/index.ts';
import { createShellsDriver } from '#runtime/drivers/shells/index.ts';
import { slicesDriver } from '#runtime/drivers/slices/index.ts';
import { treeDriver } from '#runtime/drivers/tree/index.ts';
import { createMemoryHost, type MemoryHost } from '#runtime/host/memory/memory-host.ts';
import type { LocalHttpRequest, ServiceUnit } from '#runtime/host/host.ts';
import type { MemoryNode } from '#runtime/host/memory/memory-tree.ts';
import type { EventText } from '#runtime/manager/event-recorder.ts';
import { secretReader } from '#runtime/cmd/agent/secret-reader.ts';
import { startHeartbeat } from '#runtime/manager/heartbeat.ts';
import { startManager, type Manager, type ManagerOptions } from '#runtime/manager/manager.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#runtime/telemetry/metrics.ts';
import { hostKind, kinds } from '#schemas/index.ts';
import { namespaceKind } from '#schemas/meta/builtin.ts';
import { apiVersionOf, type KindDefinition } from '#schemas/meta/kind.ts';
import { hostLeaseOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { startLabServer, type LabServer } from './api-server.ts';
import type { LabApi } from './lab-api.ts';
import { createMortal, faultyClient, type Faults, type Mortal } from './faults.ts';
import type { NameServer } from './name-server.ts';
import { modelDatabases, modelServers, modelServersOf } from './model-databases.ts';
import { noCopies } from './no-copies.ts';
import { installKind, labClient } from './widgets.ts';
import { worldText } from './world-text.ts';
import { noZoneCopies, openZoneCopies, zoneLines, type ZoneCopy } from './zone-copies.ts';
import { unmadeServers } from '#test/lab/unmade-servers.ts';

/** The two programs that work on what is declared. */
export type Program = 'leader' | 'agent';

/** Everything that outlives a process: what the store holds, and what the machine does. */
export interface World {
  readonly stored: ReadonlyMap<string, Buffer>;
  readonly nodes: ReadonlyMap<string, MemoryNode>;
  readonly services: readonly ServiceUnit[];
  readonly zones: readonly ZoneCopy[];
}

/**
 * A leader and an agent with the real controllers and drivers, on a real API server and a model machine, all in this process: so that they can die at any
 * point and be started again, and the world be put back to where it was.
 */
export interface LiveHosting {
  /** A person's. */
  readonly client: Client;
  readonly machine: MemoryHost;
  /** Reasons of the events that agents told of their host. */
  readonly alarms: readonly string[];
  /** Starts one program; resolves once its caches are filled. */
  start(program: Program, faults?: Partial<Faults>): Promise<Running>;
  /** Whether a program that runs has a round under way, or one that waits. */
  isAtWork(): Promise<boolean>;
  apply(kind: KindDefinition, name: string, spec: object, namespace?: string): Promise<KubeObject>;
  get(kind: KindDefinition, name: string, namespace?: string): Promise<KubeObject | undefined>;
  remove(kind: KindDefinition, name: string, namespace?: string): Promise<void>;
  close(): Promise<void>;
}

/** On a server of the test's own, whose store can be looked into and put back. */
export interface Hosting extends LiveHosting {
  readonly server: LabServer;
  save(): Promise<World>;
  /** Puts the world back. Nothing may run. With `stored` alone the machine stays as it is: another store is attached to it. */
  load(world: Pick<World, 'stored'> & Partial<World>): Promise<void>;
  /** All that is true, in a spelling that does not tell two runs apart: uids by the object's name, times and revisions left out. */
  state(): Promise<string>;
}

/** A program at work. */
export interface Running {
  readonly manager: Manager;
  readonly mortal: Mortal;
  readonly metrics: Metrics;
  /** Ends it and forgets all that it knew. */
  stop(): Promise<void>;
}

const hostName = 'web1';

/** What the drivers of an agent act on. */
type LabWorld = HostWorld & ServersWorld & OwnServersWorld;
const never = new AbortController().signal;

export interface HostingOptions extends ClusterSettings {
  /** `127.0.0.1:53`: what the leader asks before it asks a CA, and whose names are; unless given nobody answers, and the CA is asked at once. */
  readonly dnsResolver?: string;
  /** The leader's, by which it decides; that of the machine unless given. */
  readonly clock?: Clock;
  /** A real one, as that of the machine; it is this world's alone. */
  readonly dns?: NameServer;
}

const nobody = '127.0.0.1:1';

/** An empty world with a registered host; `close` ends it. */
export async function startHosting(options: HostingOptions = {}): Promise<Hosting> {
  const server = await startLabServer();
  const { dns: nameServer } = options;
  const machine = { present: await emptyMachine(nameServer) };
  const hosting = await openHosting(server, machine, options);
  const zones = nameServer === undefined ? noZoneCopies : await openZoneCopies(nameServer);
  return {
    ...hosting,
    server,
    get machine() {
      return machine.present;
    },
    save: async () => ({
      stored: await storedIn(server),
      nodes: new Map(machine.present.tree.nodes),
      services: [...machine.present.services.units.values()],
      zones: await zones.copy(),
    }),
    load: async (world) => {
      await restore(server, world.stored);
      if (world.nodes === undefined) return;
      machine.present = await emptyMachine(nameServer);
      machine.present.tree.nodes.clear();
      for (const [path, node] of world.nodes) machine.present.tree.nodes.set(path, node);
      for (const unit of world.services ?? []) await machine.present.services.start(unit, never);
      await zones.load(world.zones ?? []);
    },
    state: async () => worldText(await storedIn(server), machine.present, zoneLines(await zones.copy())),
    close: async () => {
      await hosting.close();
      await server.stop();
    },
  };
}

/** An empty world on any API server, which goes on when the world is closed. */
export async function startHostingOn(api: LabApi): Promise<LiveHosting> {
  return await openHosting(api, { present: await emptyMachine() });
}

async function openHosting(
  api: LabApi,
  machine: { readonly present: MemoryHost },
  { dnsResolver = nobody, clock = systemClock, dns: nameServer, ...settings }: HostingOptions = {},
): Promise<LiveHosting> {
  const [person, leader, agent] = await Promise.all([labClient(api), labClient(api), labClient(api)]);
  const { client } = person;
  for (const kind of kinds) await installKind(client, kind);
  await registerHost(client, machine.present, nameServer);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } };
  await client.create(resourceTypeOf(namespaceKind), namespace);
  const alarms: string[] = [];
  const clients = { leader: leader.client, agent: agent.client };
  const running = new Set<Running>();
  return {
    client,
    alarms,
    machine: machine.present,
    start: async (program, faults = {}) => {
      const started = await startProgram({
        program,
        client: clients[program],
        machine: machine.present,
        faults,
        alarms,
        dnsResolver,
        clock,
        nameServer,
        settings,
      });
      running.add(started);
      const stop = async (): Promise<void> => {
        running.delete(started);
        await started.stop();
      };
      return { ...started, stop };
    },
    isAtWork: async () => (await Promise.all([...running].map(roundsOf))).some((rounds) => rounds > 0),
    apply: async (kind, name, spec, namespace) => {
      const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
      const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, spec };
      return await client.apply(resourceTypeOf(kind), object, { fieldManager: 'test', force: true });
    },
    get: async (kind, name, namespace) => await client.get(resourceTypeOf(kind), { name, namespace }),
    remove: async (kind, name, namespace) => void (await client.delete(resourceTypeOf(kind), { name, namespace })),
    close: async () => {
      for (const each of [client, clients.leader, clients.agent]) await each.close();
    },
  };
}

interface Starting {
  readonly program: Program;
  readonly client: Client;
  readonly machine: MemoryHost;
  readonly faults: Partial<Faults>;
  readonly alarms: string[];
  readonly dnsResolver: string;
  readonly clock: Clock;
  readonly nameServer: NameServer | undefined;
  readonly settings: ClusterSettings;
}

async function startProgram(starting: Starting): Promise<Running> {
  const { faults } = starting;
  const { mortal = createMortal() } = faults;
  const client = faultyClient(faults.through?.(starting.client) ?? starting.client, { ...faults, mortal });
  const stop = new AbortController();
  const metrics = createMetrics();
  const common = { client, log: silentLogger, metrics, signal: stop.signal };
  const manager =
    starting.program === 'leader'
      ? startManager<ClusterWorld>({
          ...common,
          controllers: createClusterControllers(
            createClusterParts<ClusterWorld>(
              {
                sources: { ...noTools.sources, clock: starting.clock },
                certificates: {
                  clock: starting.clock,
                  networks: [],
                  resolver: createNameResolver(starting.dnsResolver),
                  delegations: createDelegations(starting.dnsResolver, systemClock, stop.signal),
                  signal: stop.signal,
                  openAccount: async (account) => mortalAccount(await openAccount(account), mortal),
                },
                dnsProviders: noTools.dnsProviders,
                lookAtServer: noTools.lookAtServer,
              },
              starting.settings,
            ),
          ),
          world: (cache) => ({ client, cache }),
          identity: 'cluster',
        })
      : startManager<LabWorld>(await agentOptions(starting, { ...common, mortal }));
  await Promise.race([manager.synced, mortal.died]);
  const { cache } = manager;
  const host = starting.machine.seenBy(mortal);
  const telling = starting.program === 'agent' ? agentTells(starting, { ...common, host, cache }) : undefined;
  return {
    manager,
    mortal,
    metrics,
    stop: async () => {
      stop.abort(new Error('the program was stopped'));
      await manager.close();
      await telling;
    },
  };
}

/** How many rounds of its controllers are under way or wait. */
async function roundsOf({ metrics }: Running): Promise<number> {
  const { text } = await metrics.exposition();
  const numbers = [...text.matchAll(/^(?:workqueue_depth|controller_runtime_active_workers)\{.*\} (\d+)$/gm)];
  return numbers.reduce((sum, [, number]) => sum + Number(number), 0);
}

/** What a CA is asked to do counts as an effect, too; that there be an account can be asked for again and again. */
function mortalAccount(account: AcmeAccount, mortal: Mortal): AcmeAccount {
  const effect =
    <A extends readonly unknown[], R>(ask: (...words: A) => Promise<R>) =>
    async (...words: A): Promise<R> => {
      mortal.beforeEffect();
      return await ask(...words);
    };
  return {
    ...account,
    createOrder: effect(account.createOrder),
    accept: effect(account.accept),
    finalize: effect(account.finalize),
    revoke: effect(account.revoke),
  };
}

/** That the machine lives, which no fault keeps from its leader, and which user ids it holds. */
async function agentTells(
  { client }: Starting,
  parts: Omit<Parameters<typeof tellUids>[0], 'hostName' | 'clock' | 'lookMs'>,
): Promise<void> {
  const common = { ...parts, clock: systemClock };
  const lease = { namespace: SYSTEM_NAMESPACE, name: hostLeaseOf(hostName), identity: 'machine' };
  const living = startHeartbeat({ ...common, ...lease, client, log: silentLogger }).then(({ ended }) => ended);
  await Promise.all([tellUids({ ...common, hostName, lookMs: 50 }), living.catch(() => undefined)]);
}

async function agentOptions(
  { machine, alarms, nameServer }: Starting,
  common: Pick<ManagerOptions<LabWorld>, 'client' | 'log' | 'metrics' | 'signal'> & { readonly mortal: Mortal },
): Promise<ManagerOptions<LabWorld>> {
  const { client, mortal } = common;
  const host = machine.seenBy(mortal);
  const databaseServers = modelServersOf(host);
  const events = { record: (_object: KubeObject, { reason }: EventText) => void alarms.push(reason) };
  return {
    ...common,
    controllers: createHostControllers<LabWorld>({
      hostName,
      accounts: accountsDriver,
      slices: slicesDriver,
      tree: treeDriver,
      phpFpm: phpFpmDriver,
      nginx: nginxDriver,
      powerdns: powerdnsDriver,
      databases: modelDatabases,
      ownServers: ownServersDriver,
      databaseSizeOf: () => undefined,
      serverVersionOf: () => undefined,
      askNameServer: async (_world, question, signal) => {
        if (nameServer === undefined) throw new HostError('nobody answers');
        return await askDns({ address: '127.0.0.1', port: nameServer.settings.port }, question, signal);
      },
      shells: createShellsDriver({ count: () => 0, end: () => undefined }),
      copies: noCopies,
      copyOf: () => undefined,
      challenges: challengesDriver,
      front: {
        ...noFront,
        site: async (world, hostname) => await Promise.resolve(siteOf(world.host as MemoryHost, hostname)),
        challenge: async (world, { token, answer }) =>
          await Promise.resolve(shownFor(world.host as MemoryHost, token) === answer.keyAuthorization),
      },
    }),
    world: (cache) => ({
      client,
      cache,
      host,
      secrets: secretReader(client),
      ownServers: unmadeServers(host),
      databaseServers,
    }),
    identity: `host/${hostName}`,
    hostSelector: { host: hostName },
    removals: await createStoreGuard({ ...common, host, hostName, clock: systemClock, events, lookMs: 50 }),
  };
}

function siteOf(
  machine: MemoryHost,
  hostname: string,
): { readonly uid: string; readonly generation: number } | undefined {
  const node = machine.tree.nodes.get(`${machine.root}/front/sites/${hostname.replace('*', '_')}`);
  return node === undefined ? undefined : (JSON.parse(node.content) as { uid: string; generation: number });
}

/** What the front of the model machine shows a CA. */
export function shownFor(machine: MemoryHost, token: string): string | undefined {
  const node = machine.tree.nodes.get(`${machine.root}/front/challenges/${token}`);
  return node === undefined ? undefined : (JSON.parse(node.content) as { keyAuthorization: string }).keyAuthorization;
}

async function emptyMachine(nameServer?: NameServer): Promise<MemoryHost> {
  const machine: MemoryHost = createMemoryHost({
    capabilities: modelServers,
    onStart: (unit) => listen(machine, unit),
    ...(nameServer === undefined
      ? {}
      : { http: async (request: LocalHttpRequest) => await nameServer.host.httpRequest(request, never) }),
  });
  const closed = { mode: 0o750, uid: 0, gid: 33 };
  for (const name of [
    'front',
    'front/sites',
    'front/auth',
    'front/tls',
    'front/challenges',
    'front/handshakes',
    'run',
    'run/php',
    'run/pools',
    'tenants',
    'kept',
    'dns',
    'databases',
  ]) {
    await machine.makeDirectory(`${machine.root}/${name}`, closed, never);
  }
  if (nameServer !== undefined) {
    const { root } = nameServer.host;
    const content = (await nameServer.host.readText(accessFile(root), never)) ?? '';
    machine.byHand(accessFile(machine.root), { type: 'file', content, mode: 0o600, uid: 0, gid: 0 });
  }
  return machine;
}

/** What a master does first: it makes its socket in the directory that its sandbox shows it. */
function listen(machine: MemoryHost, { command, uid = 0 }: ServiceUnit): void {
  const directory = command.find((argument) => /\/run\/php\/[^/]+\/[0-9a-f]{10}$/.test(argument));
  if (directory !== undefined) machine.byHand(`${directory}/fpm.sock`, { type: 'socket', mode: 0o660, uid, gid: 33 });
}

async function registerHost(client: Client, machine: MemoryHost, nameServer?: NameServer): Promise<void> {
  const facts: HostFacts = {
    name: hostName,
    root: machine.root,
    agentVersion: 'test',
    capabilities: await machine.capabilities(never),
    postgresql: await installedPostgresql(machine, never),
    services: { manager: 'systemd', limitsEnforced: true },
    dns: nameServer === undefined ? undefined : { version: '4', port: nameServer.settings.port },
    httpsPort: 0,
    http3: false,
    hasAccounts: false,
    takenNames: ['www-data'],
  };
  const type = resourceTypeOf(hostKind);
  await client.apply(type, { ...hostReference(hostName), spec: {} }, { fieldManager: 'agent' });
  const status = hostStatus(facts, undefined, '2026-01-01T00:00:00Z');
  await client.apply(type, { ...hostReference(hostName), status }, { fieldManager: 'agent', subresource: 'status' });
}

/** Neither events nor what the server itself sets up. */
const isOfInterest = (key: string): boolean =>
  !/^\/registry\/(core\/events|events\.k8s\.io|apiextensions\.k8s\.io|coordination\.k8s\.io)\//.test(key) &&
  !/\/cluster-?role/.test(key);

async function storedIn({ store }: LabServer): Promise<ReadonlyMap<string, Buffer>> {
  const { entries } = await store.range('/registry/');
  return new Map(entries.filter(({ key }) => isOfInterest(key)).map(({ key, value }) => [key, value]));
}

async function restore(server: LabServer, wanted: ReadonlyMap<string, Buffer>): Promise<void> {
  for (let pass = 0; pass < 20; pass += 1) {
    const present = await storedIn(server);
    const put = [...wanted].filter(([key, value]) => present.get(key)?.equals(value) !== true);
    const gone = [...present.keys()].filter((key) => !wanted.has(key));
    if (put.length + gone.length === 0) return;
    await server.store.commit({ if: [], put: put.map(([key, value]) => ({ key, value })), delete: gone });
    // The server itself may still answer to what was there before.
    await delay(10);
  }
  throw new Error('the store does not come to rest');
}
