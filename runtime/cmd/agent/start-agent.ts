import { readStoreUid } from '#controllers/host/store-identity.ts';
import { getServers } from 'node:dns';
import { createHostControllers } from '#controllers/index.ts';
import { placedPreview } from '#controllers/domain/placed-preview.ts';
import type { FrontProbes, HostWorld } from '#controllers/parts.ts';
import { createStoreGuard } from '#controllers/host/store-guard.ts';
import { tellUids } from '#controllers/host/uid-teller.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import { hostLeaseOf, sliceOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind } from '#schemas/v1alpha1/database-user.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { planRequestKind } from '#schemas/v1alpha1/plan-request.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { required } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import type { AgentConfig } from '#runtime/config/programs.ts';
import { accountsDriver } from '#runtime/drivers/accounts/index.ts';
import { challengesDriver } from '#runtime/drivers/challenges/index.ts';
import { createCopies, createCopiesDriver } from '#runtime/drivers/copies/index.ts';
import type { IntakeSeat } from '#runtime/drivers/databases/dump.ts';
import { createDatabaseJobs } from '#runtime/drivers/databases/jobs.ts';
import { ownServersDriver, type OwnServersWorld } from '#runtime/drivers/own-servers/index.ts';
import { createPatrol, type Patrol } from '#runtime/drivers/databases/patrol.ts';
import { createServersDriver, type ServersWorld } from '#runtime/drivers/databases/servers-driver.ts';
import { createDatabaseSizes } from '#runtime/drivers/databases/sizes.ts';
import { mariadbDriver } from '#runtime/drivers/mariadb/index.ts';
import { nginxDriver, type Stapler } from '#runtime/drivers/nginx/index.ts';
import { askDns } from '#runtime/dns/ask.ts';
import { parentDs } from '#runtime/dns/parent-ds.ts';
import { parseServerAddress } from '#runtime/dns/server-address.ts';
import { phpFpmDriver } from '#runtime/drivers/php-fpm/index.ts';
import { powerdnsDriver, type ZoneAbove } from '#runtime/drivers/powerdns/index.ts';
import { postgresqlDriver } from '#runtime/drivers/postgresql/index.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import { createShellsDriver } from '#runtime/drivers/shells/index.ts';
import { slicesDriver } from '#runtime/drivers/slices/index.ts';
import { treeDriver } from '#runtime/drivers/tree/index.ts';
import type { Host } from '#runtime/host/host.ts';
import type { TenantProcesses } from '#runtime/host/tenant-processes.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { createEventRecorder } from '#runtime/manager/event-recorder.ts';
import { startHeartbeat, type Heartbeat } from '#runtime/manager/heartbeat.ts';
import { kindId } from '#runtime/manager/informer-cache.ts';
import { startManager, type Manager, type ManagerOptions } from '#runtime/manager/manager.ts';
import type { RemovalGuard } from '#runtime/manager/removal-guard.ts';
import { createWriters } from '#runtime/streams/agent/writers.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { Metrics } from '#runtime/telemetry/metrics.ts';
import { machineIdentity } from './machine-identity.ts';
import { registerHost } from './register.ts';
import { runStreams } from './streams.ts';
import { createDatabaseRelays } from './database-relays.ts';
import { createServerRoster, type OwnServers, type ServerRoster } from './database-servers.ts';
import type { NameServer } from './start-name-server.ts';
import { copyTaker } from './take-copy.ts';

/** Files of Domains that come from other hosts: more would only share the network and the disk. */
const copiesAtOnce = 4;
/** And databases that become files, or are made from them. */
const dumpsAtOnce = 2;

/** However large it is: a dump whose filling takes longer never ends. */
const longestFillMs = 4 * 3_600_000;

/** What the drivers of an agent act on. */
interface AgentWorld extends HostWorld, ServersWorld, OwnServersWorld {
  readonly host: Host;
  readonly secrets: SecretReader;
  readonly staples: Stapler;
  readonly zoneAbove: ZoneAbove;
}

export interface AgentOptions {
  readonly config: Pick<AgentConfig, 'hostName' | 'root' | 'dnsResolver' | 'frontHttpsPort' | 'databaseInterval'>;
  /** As the host's account. */
  readonly client: Client;
  readonly host: Host;
  /** Its name server; `undefined` where there is none. */
  readonly dns: NameServer | undefined;
  /** The database servers that it keeps for itself. */
  readonly databaseServers: OwnServers;
  readonly secrets: SecretReader;
  /** Asks CAs for their words on the certificates that are served. */
  readonly staples: Stapler;
  /** Runs programs as tenants of this machine. */
  readonly processes: TenantProcesses;
  readonly front: FrontProbes<HostWorld>;
  /** Whether the front speaks HTTP/3. */
  readonly http3: boolean;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

/** An agent at work. */
export interface Agent extends Pick<Manager, 'synced' | 'resync'> {
  /** Resolves after an orderly end; rejects at once when another machine has the name. The services go on. */
  readonly ended: Promise<void>;
}

/** Acts in the name of a host on a machine whose directories and front stand; resolves once the name is this machine's alone. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { client, log, metrics, signal } = options;
  const { hostName } = options.config;
  const heartbeat = await join(options);
  const writers = createWriters();
  const databases = databaseParts(options);
  const { patrol, roster } = databases;
  const copies = createCopies({ take: copyTaker(options), atOnce: copiesAtOnce, clock: systemClock, log, signal });
  const manager = startManager<AgentWorld>({
    client,
    removals: await storeGuard(options),
    controllers: createHostControllers<AgentWorld>({
      hostName,
      accounts: accountsDriver,
      slices: slicesDriver,
      tree: treeDriver,
      phpFpm: phpFpmDriver,
      nginx: nginxDriver,
      powerdns: powerdnsDriver,
      databases: { PostgreSQL: createServersDriver(postgresqlDriver), MariaDB: createServersDriver(mariadbDriver) },
      ownServers: ownServersDriver,
      databaseSizeOf: patrol.sizes.of,
      serverVersionOf: roster.versionOf,
      askNameServer: async (_world, question, asking) =>
        await askDns(required(options.dns, 'a name server'), question, asking),
      shells: createShellsDriver(writers),
      copies: createCopiesDriver(copies),
      copyOf: copies.of,
      challenges: challengesDriver,
      front: options.front,
    }),
    world: worldOf(options, databases),
    log,
    metrics,
    signal,
    identity: `host/${hostName}`,
    hostSelector: { host: hostName },
    scopes: scopesOf(hostName),
    planRequests: { kind: planRequestKind, leads: false, systemNamespace: SYSTEM_NAMESPACE, place: placedPreview },
  });
  const known = { ...options, hostName, patrol, roster, writers, cache: manager.cache, clock: systemClock };
  void manager.synced.then(async () => await afterSync(known)).catch(() => undefined);
  return {
    synced: manager.synced,
    resync: () => manager.resync(),
    ended: Promise.race([manager.ended, heartbeat.ended.then(async () => await manager.ended)]),
  };
}

interface DatabaseParts {
  readonly patrol: Patrol;
  readonly roster: ServerRoster;
}

function databaseParts({ config, host, secrets, databaseServers: own, client, signal }: AgentOptions): DatabaseParts {
  const { hostName, databaseInterval } = config;
  const everyMs = parseDurationMs(databaseInterval) ?? 0;
  const installation = async (signal: AbortSignal): Promise<string | undefined> => await readStoreUid(client, signal);
  const patrol = createPatrol({ sizes: createDatabaseSizes(), everyMs, clock: systemClock });
  const relays = createDatabaseRelays(host, signal);
  return { patrol, roster: createServerRoster({ hostName, own, host, secrets, relays, installation }) };
}

function worldOf(options: AgentOptions, { patrol, roster }: DatabaseParts): (cache: Cache) => AgentWorld {
  const { client, host, secrets, staples, processes } = options;
  const jobs = createDatabaseJobs({ ...options, atOnce: dumpsAtOnce, clock: systemClock });
  const { keeper: ownServers } = options.databaseServers;
  const parts = { client, host, secrets, staples, zoneAbove: zoneAboveOf(options), patrol, jobs, ownServers };
  return (cache) => ({
    ...parts,
    cache,
    databaseServers: (driver) => roster.of(driver, cache),
    intake: { processes, seatOf: (owner) => intakeSeatOf(owner, cache), longestMs: longestFillMs },
    isServedHere: (owner) => isServedBy(options.config.hostName, owner, cache),
  });
}

/** Whether somebody (`ownerId`) is a Database or a DatabaseUser that a host looks after, or what it keeps. */
function isServedBy(hostName: string, owner: string, cache: Cache): boolean {
  const [kind, namespace = '', name = ''] = owner.split('/');
  if (kind === retainedDataKind.kind) return cache.get(retainedDataKind, { name: namespace })?.spec.host === hostName;
  const placed = [databaseKind, databaseUserKind].find((each) => each.kind === kind);
  return placed !== undefined && cache.get(placed, { namespace, name })?.status?.host === hostName;
}

/** Of a tenant that is gone nobody has the number. */
const nobody = 65_534;

/** As whom a dump is taken in that somebody (`ownerId`) has, of a Database or what is kept of one. */
function intakeSeatOf(owner: string, cache: Cache): IntakeSeat {
  const [kind, first = ''] = owner.split('/');
  const kept = kind === retainedDataKind.kind ? cache.get(retainedDataKind, { name: first }) : undefined;
  const tenant = kept?.spec.objectRef.namespace ?? first;
  const uid = cache.get(tenantKind, { name: tenant })?.status?.uid ?? nobody;
  return { tenant, uid, slice: sliceOf(uid) };
}

/** By the resolver that is set, else those of the machine. */
function zoneAboveOf({ dns, config: { dnsResolver } }: AgentOptions): ZoneAbove {
  const named = dnsResolver === '' ? getServers() : [dnsResolver];
  const resolvers = named.flatMap((text) => parseServerAddress(text) ?? []);
  return {
    dsOf: async (zone, signal) => await parentDs(zone, { own: required(dns, 'a name server'), resolvers }, signal),
    clock: systemClock,
  };
}

/** What is told and served once it is known what is here. */
async function afterSync(known: Parameters<typeof tellUids>[0] & Parameters<typeof runStreams>[0]): Promise<void> {
  await Promise.all([tellUids(known), runStreams(known, known.signal)]);
}

/** Nothing is done, or said, in the name of a host before it is this machine's alone. */
async function join({
  client,
  config: { hostName, frontHttpsPort },
  host,
  dns,
  http3,
  log,
  signal,
}: AgentOptions): Promise<Heartbeat> {
  const identity = await machineIdentity(host, signal);
  const lease = { namespace: SYSTEM_NAMESPACE, name: hostLeaseOf(hostName), identity };
  const heartbeat = await startHeartbeat({ client, ...lease, clock: systemClock, log, signal });
  await registerHost({ client, host, dns, hostName, httpsPort: frontHttpsPort, http3, log, signal });
  return heartbeat;
}

/** Of other hosts nothing is of interest here. */
function scopesOf(hostName: string): NonNullable<ManagerOptions<AgentWorld>['scopes']> {
  return {
    [kindId(hostKind)]: { fieldSelector: `metadata.name=${hostName}` },
    [kindId(retainedDataKind)]: { fieldSelector: `spec.host=${hostName}` },
  };
}

/** Looked at before the first action: what is here must not be taken down for a store that was attached by mistake. */
async function storeGuard({ client, config: { hostName }, host, log, signal }: AgentOptions): Promise<RemovalGuard> {
  const parts = { client, log, signal, clock: systemClock };
  const events = createEventRecorder({ ...parts, component: 'agent', instance: `host/${hostName}` });
  return await createStoreGuard({ ...parts, host, hostName, events });
}
