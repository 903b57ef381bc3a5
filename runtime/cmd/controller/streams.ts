import { backoffMs } from '#runtime/base/backoff.ts';
import { systemClock } from '#runtime/base/clock.ts';
import type { Client } from '#runtime/client/client.ts';
import type { ControllerConfig } from '#runtime/config/programs.ts';
import { addressOf } from '#runtime/cmd/listen-address.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { startGateway } from '#runtime/streams/gateway/gateway.ts';
import { keepPublished, replicaIdOf } from '#runtime/streams/gateway/publish.ts';
import { createTunnels } from '#runtime/streams/gateway/tunnels.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { Metrics } from '#runtime/telemetry/metrics.ts';
import type { StreamTarget } from '#schemas/meta/streams.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { gatewayAuthority } from './gateway-certificate.ts';
import { openGatewayIdentity } from './gateway-identity.ts';

export interface StreamsOptions {
  readonly config: Pick<ControllerConfig, 'streamListen' | 'streamServicePort'>;
  readonly identity: string;
  readonly client: Client;
  readonly cache: Cache;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Called when the gateway listens, and when it cannot yet. */
  readonly onBegun: () => void;
}

const patience = { firstMs: 500, maxMs: 60_000, factor: 2, jitterRatio: 0.2 };

/** Serves streams as one replica of the gateway until the signal aborts; resolves when it is withdrawn. A server that aggregates nothing is asked again now and then. */
export async function runStreams(options: StreamsOptions, signal: AbortSignal): Promise<void> {
  const { config, log, onBegun } = options;
  if (config.streamListen === '') {
    onBegun();
    return;
  }
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      await serve(options, signal);
      return;
    } catch (err) {
      if (signal.aborted) return;
      onBegun();
      const waitMs = backoffMs(patience, attempt);
      log.warn({ err, waitMs }, 'streams cannot be served yet');
      await systemClock.sleep(waitMs, signal).catch(() => undefined);
    }
  }
}

async function serve(options: StreamsOptions, signal: AbortSignal): Promise<void> {
  const { config, identity, client, cache, log, onBegun } = options;
  const authority = await gatewayAuthority(client, signal);
  const kept = await openGatewayIdentity({ client, authority, log }, signal);
  const tunnels = createTunnels(replicaIdOf(identity), log);
  options.metrics.gauge({
    name: 'wcp360_streams_attached_agents',
    help: 'Agents that this replica of the gateway reaches.',
    read: () => tunnels.hosts().length,
  });
  const gateway = await startGateway(
    {
      listen: addressOf(config.streamListen),
      identity: kept.current,
      client,
      hostOf: (target) => hostOf(cache, target),
      tunnels,
      log,
    },
    signal,
  );
  onBegun();
  void kept.keep(gateway.renew);
  const { streamServicePort: port } = config;
  const { certificate } = authority;
  await keepPublished(
    { client, identity, port, authority: certificate, clock: systemClock, log, onReplicas: tunnels.tell },
    signal,
  );
  tunnels.close();
}

/** Empty for what is nowhere yet, undefined for what is not there. */
function hostOf(cache: Cache, { resource, ...key }: StreamTarget): string | undefined {
  const found = resource === 'databases' ? cache.get(databaseKind, key) : cache.get(domainKind, key);
  return found === undefined ? undefined : (found.status?.host ?? '');
}
