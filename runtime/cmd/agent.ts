import { availableParallelism } from 'node:os';
import { createHostControllers } from '#controllers/index.ts';
import { placedPreview } from '#controllers/domain/placed-preview.ts';
import type { HostWorld } from '#controllers/parts.ts';
import { createStoreGuard } from '#controllers/host/store-guard.ts';
import { tellUids } from '#controllers/host/uid-teller.ts';
import { createDisposalDriver } from '#controllers/lifecycle/disposal-driver.ts';
import { hostLeaseOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { planRequestKind } from '#schemas/v1alpha1/plan-request.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';
import { systemClock } from '#runtime/base/clock.ts';
import type { Client } from '#runtime/client/client.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { agentConfig, type AgentConfig } from '#runtime/config/programs.ts';
import { accountsDriver } from '#runtime/drivers/accounts/index.ts';
import { nginxDriver, probeSite, startFront, type FrontSettings } from '#runtime/drivers/nginx/index.ts';
import { phpFpmDriver, startWaker } from '#runtime/drivers/php-fpm/index.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import { slicesDriver } from '#runtime/drivers/slices/index.ts';
import { treeDriver } from '#runtime/drivers/tree/index.ts';
import { openLocalHost, type LocalHost } from '#runtime/host/local/open-local-host.ts';
import { createEventRecorder } from '#runtime/manager/event-recorder.ts';
import { startHeartbeat, type Heartbeat } from '#runtime/manager/heartbeat.ts';
import { kindId } from '#runtime/manager/informer-cache.ts';
import { startManager, type ManagerOptions } from '#runtime/manager/manager.ts';
import type { RemovalGuard } from '#runtime/manager/removal-guard.ts';
import { createLogger, type Logger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import { holdCertificate } from './agent/keep-certificate.ts';
import { keepHouse } from './agent/keep-house.ts';
import { machineIdentity } from './agent/machine-identity.ts';
import { prepareHost } from './agent/prepare-host.ts';
import { registerHost, type Registration } from './agent/register.ts';
import { secretReader } from './agent/secret-reader.ts';
import { runStreams } from './agent/streams.ts';
import { connectionTo } from './connect.ts';
import type { ProgramArgs } from './flags.ts';
import { resyncOnSignal } from './resync-on-signal.ts';
import { serveMetrics } from './serve-metrics.ts';
import { terminated } from './terminated.ts';

/** A PHP master without a request for this long is stopped; the next request starts it again. */
const phpIdleMs = 300_000;

/** What the drivers of an agent act on. */
interface AgentWorld extends HostWorld {
  readonly host: LocalHost;
  readonly secrets: SecretReader;
}

/** `wcpd agent`: the host side of all controllers, for what is bound to this host. Daemons outlive it. */
export async function runAgent({ sources }: ProgramArgs): Promise<number> {
  const config = await loadConfig(agentConfig, sources);
  const signal = terminated();
  const log = createLogger({ name: 'agent', level: config.logLevel });
  const metrics = createMetrics({ processMetrics: true });
  const connection = await connectionTo(config.kubeconfig);
  const client = createClient({ ...connection, userAgent: 'wcpd-agent' });
  const health = await serveMetrics(config.metricsListen, metrics, signal);
  const host = openLocalHost({ root: config.root, services: servicesOf(config), log });
  await prepareHost(host, signal);
  const front = await frontSettings(config, host, signal);
  const secrets = secretReader(client);
  await startWaker({ host, secrets, log, idleMs: phpIdleMs }, signal);
  await startFront(host, front, signal);
  const { hostName } = config;
  await holdCertificate(connection, { ...config, client, clock: systemClock, log, signal });
  const heartbeat = await join({ client, host, hostName, log, signal });
  const manager = startManager<AgentWorld>({
    client,
    removals: await storeGuard({ client, host, log, signal }, hostName),
    controllers: createHostControllers<AgentWorld>({
      hostName,
      accounts: accountsDriver,
      slices: slicesDriver,
      tree: treeDriver,
      phpFpm: phpFpmDriver,
      nginx: nginxDriver,
      disposal: createDisposalDriver,
      probeSite: async (world, hostname, probing) => probeSite(world.host, firstOf(front), hostname, probing),
      now: () => Date.now(),
    }),
    world: (cache) => ({ client, cache, host, secrets }),
    log,
    metrics,
    signal,
    identity: `host/${hostName}`,
    hostSelector: { host: hostName },
    scopes: scopesOf(hostName),
    planRequests: { kind: planRequestKind, leads: false, systemNamespace: SYSTEM_NAMESPACE, place: placedPreview },
  });
  const known = { config, client, host, hostName, cache: manager.cache, clock: systemClock, log, metrics, signal };
  void manager.synced.then(async () => await afterSync(known)).catch(() => undefined);
  health.readyAfter(manager.synced);
  resyncOnSignal(() => manager.resync(), signal);
  await keepHouse({ host, log, signal });
  // Who finds another machine under the name stops at once; the services go on.
  await Promise.race([manager.ended, heartbeat.ended.then(async () => await manager.ended)]);
  await client.close();
  host.close();
  return 0;
}

/** What is told and served once it is known what is here. */
async function afterSync(known: Parameters<typeof tellUids>[0] & Parameters<typeof runStreams>[0]): Promise<void> {
  await Promise.all([tellUids(known), runStreams(known, known.signal)]);
}

/** Nothing is done, or said, in the name of a host before it is this machine's alone. */
async function join(registration: Registration): Promise<Heartbeat> {
  const { client, host, hostName, log, signal } = registration;
  const identity = await machineIdentity(host, signal);
  const lease = { namespace: SYSTEM_NAMESPACE, name: hostLeaseOf(hostName), identity };
  const heartbeat = await startHeartbeat({ client, ...lease, clock: systemClock, log, signal });
  await registerHost(registration);
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
async function storeGuard(
  parts: { readonly client: Client; readonly host: LocalHost; readonly log: Logger; readonly signal: AbortSignal },
  hostName: string,
): Promise<RemovalGuard> {
  const clock = systemClock;
  const events = createEventRecorder({ ...parts, component: 'agent', instance: `host/${hostName}`, clock });
  return await createStoreGuard({ ...parts, hostName, clock, events });
}

function servicesOf({ serviceManager }: AgentConfig): 'systemd' | 'supervisor' {
  return serviceManager === 'systemd' ? 'systemd' : 'supervisor';
}

function firstOf({ listen: [first] }: FrontSettings): FrontSettings['listen'][number] {
  return first ?? { address: '127.0.0.1', port: 80 };
}

async function frontSettings(config: AgentConfig, host: LocalHost, signal: AbortSignal): Promise<FrontSettings> {
  const { front } = await host.capabilities(signal);
  return {
    root: config.root,
    listen: config.frontAddresses.map((address) => ({ address, port: config.frontHttpPort })),
    user: front.user,
    workers: availableParallelism(),
    trustedProxies: config.trustedProxies,
    clientAddress: config.proxyProtocol ? 'ProxyProtocol' : 'X-Forwarded-For',
  };
}
