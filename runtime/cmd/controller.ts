import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createClusterParts } from '#controllers/cluster-parts.ts';
import { createClusterControllers } from '#controllers/index.ts';
import { placedPreview } from '#controllers/domain/placed-preview.ts';
import type { ClusterParts, ClusterWorld } from '#controllers/parts.ts';
import type { SourceTools } from '#controllers/source/tools.ts';
import { leaseKind } from '#schemas/meta/builtin.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { planRequestKind } from '#schemas/v1alpha1/plan-request.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { createAccountClients } from '#runtime/client/account-clients.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { controllerConfig, type ControllerConfig } from '#runtime/config/programs.ts';
import { openWorkspace } from '#runtime/host/local/open-workspace.ts';
import { kindId } from '#runtime/manager/informer-cache.ts';
import { startManager } from '#runtime/manager/manager.ts';
import { createLogger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import { createDelegations } from '#runtime/dns/delegations.ts';
import { createNameResolver } from '#runtime/dns/name-resolver.ts';
import { connectionTo } from './connect.ts';
import { lookAtServer } from './controller/look-at-server.ts';
import { providerSettings } from './controller/provider-settings.ts';
import { runStreams } from './controller/streams.ts';
import type { ProgramArgs } from './flags.ts';
import { resyncOnSignal } from './resync-on-signal.ts';
import { serveMetrics } from './serve-metrics.ts';
import { terminated } from './terminated.ts';

/** `wcpd controller`: the cluster side of all controllers, of which one replica leads. */
export async function runController({ sources }: ProgramArgs): Promise<number> {
  const config = await loadConfig(controllerConfig, sources);
  const signal = terminated();
  const log = createLogger({ name: 'controller', level: config.logLevel });
  const metrics = createMetrics({ processMetrics: true });
  const connection = await connectionTo(config.kubeconfig);
  const client = createClient({ ...connection, userAgent: 'wcpd-controller' });
  const accounts = createAccountClients({ ...connection, client, userAgent: 'wcpd-source', clock: systemClock });
  const sourceTools: SourceTools = {
    workspace: await openWorkspace(config.workDirectory),
    networks: config.sourceNetworks,
    accounts,
    clock: systemClock,
  };
  const identity = config.leaderElectionIdentity ?? `${hostname()}_${randomUUID()}`;
  const health = await serveMetrics(config.metricsListen, metrics, signal);
  const manager = startManager<ClusterWorld>({
    client,
    controllers: createClusterControllers(partsOf(config, sourceTools, signal)),
    world: (cache) => ({ client, cache }),
    log,
    metrics,
    signal,
    identity: 'cluster',
    leaderElection: {
      namespace: config.leaderElectionNamespace,
      name: config.leaderElectionName,
      identity,
    },
    // Of the many Leases that a Kubernetes has only those of hosts are of interest.
    scopes: { [kindId(leaseKind)]: { namespace: SYSTEM_NAMESPACE } },
    planRequests: { kind: planRequestKind, leads: true, systemNamespace: SYSTEM_NAMESPACE, place: placedPreview },
  });
  const begun = Promise.withResolvers<void>();
  const served = manager.synced.then(async () => {
    const { cache } = manager;
    await runStreams({ config, identity, client, cache, log, metrics, onBegun: begun.resolve }, signal);
  });
  // Stopped before the caches were full; at once, since nobody waits for it before the manager has ended.
  const streams = served.catch(() => undefined);
  // A replica that does not lead is ready, too: it takes over with full caches, and serves streams.
  health.readyAfter(begun.promise);
  resyncOnSignal(() => manager.resync(), signal);
  await manager.ended;
  await streams;
  await client.close();
  return 0;
}

function partsOf(config: ControllerConfig, sources: SourceTools, signal: AbortSignal): ClusterParts<ClusterWorld> {
  const { acmeNetworks, dnsResolver, hostGracePeriod, hostnameProof, previewDomain } = config;
  const certificates = {
    clock: systemClock,
    networks: acmeNetworks,
    resolver: createNameResolver(dnsResolver),
    delegations: createDelegations(dnsResolver, systemClock, signal),
    signal,
  };
  const settings = { hostGraceMs: parseDurationMs(hostGracePeriod), proofPolicy: hostnameProof, previewDomain };
  const tools = { sources, certificates, dnsProviders: providerSettings(config), lookAtServer };
  return createClusterParts<ClusterWorld>(tools, settings);
}
