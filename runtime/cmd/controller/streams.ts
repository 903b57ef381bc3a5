import { text } from 'node:stream/consumers';
import { backoffMs } from '#runtime/base/backoff.ts';
import { systemClock } from '#runtime/base/clock.ts';
import type { Client, ObjectKey } from '#runtime/client/client.ts';
import type { ControllerConfig } from '#runtime/config/programs.ts';
import { addressOf } from '#runtime/cmd/listen-address.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { startGateway } from '#runtime/streams/gateway/gateway.ts';
import { keepPublished, replicaIdOf } from '#runtime/streams/gateway/publish.ts';
import { createTunnels, type Tunnels } from '#runtime/streams/gateway/tunnels.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { Metrics } from '#runtime/telemetry/metrics.ts';
import { leaseKind } from '#schemas/meta/builtin.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
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
}

const patience = { firstMs: 500, maxMs: 60_000, factor: 2, jitterRatio: 0.2 };

/** Serves streams as one replica of the gateway until the signal aborts; resolves when it is withdrawn. A server that aggregates nothing is asked again now and then. */
export async function runStreams(options: StreamsOptions, signal: AbortSignal): Promise<void> {
  if (options.config.streamListen === '') return;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      await serve(options, signal);
      return;
    } catch (err) {
      if (signal.aborted) return;
      const waitMs = backoffMs(patience, attempt);
      options.log.warn({ err, waitMs }, 'streams cannot be served yet');
      await systemClock.sleep(waitMs, signal).catch(() => undefined);
    }
  }
}

async function serve(options: StreamsOptions, signal: AbortSignal): Promise<void> {
  const { config, identity, client, cache, log } = options;
  const authority = await gatewayAuthority(client, signal);
  const kept = await openGatewayIdentity({ client, authority, log }, signal);
  const replica = replicaIdOf(identity);
  let replicas: readonly string[] = [replica];
  const introduce = (host: string): void => {
    tellReplicas(tunnels, host, { self: replica, all: replicas }).catch((err: unknown) =>
      log.info({ host, err }, 'an agent does not know of all replicas'),
    );
  };
  const tunnels = createTunnels(log, introduce);
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
      hostOf: (namespace, name) => hostOf(cache, { namespace, name }),
      tunnels,
      log,
    },
    signal,
  );
  void kept.keep(gateway.renew);
  const onReplicas = (all: readonly string[]): void => {
    replicas = all;
    for (const host of tunnels.hosts()) introduce(host);
  };
  const leases = () => cache.list(leaseKind, SYSTEM_NAMESPACE);
  const { streamServicePort: port } = config;
  await keepPublished(
    { client, identity, port, authority: authority.certificate, clock: systemClock, log, onReplicas, leases },
    signal,
  );
  tunnels.close();
}

/** Empty for a Domain that is nowhere yet, undefined for one that is not there. */
function hostOf(cache: Cache, key: ObjectKey): string | undefined {
  const domain = cache.get(domainKind, key);
  return domain === undefined ? undefined : (domain.status?.host ?? '');
}

/** Over the tunnel, as a request to the agent. */
async function tellReplicas(
  tunnels: Tunnels,
  host: string,
  word: { readonly self: string; readonly all: readonly string[] },
): Promise<void> {
  const send = tunnels.sender(host);
  if (send === undefined) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const outgoing = send({ method: 'PUT', path: '/replicas' });
  outgoing.on('error', reject);
  outgoing.on('response', (message) => void text(message).then(() => resolve(), reject));
  outgoing.end(JSON.stringify(word));
  await promise;
}
