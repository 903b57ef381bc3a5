import { socketDirectoriesOf } from '#controllers/database-names.ts';
import { neighbourSocketsIn } from '#controllers/database-server.ts';
import { isStillOn } from '#controllers/domain/still.ts';
import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import type { AgentConfig } from '#runtime/config/programs.ts';
import type { Patrol } from '#runtime/drivers/databases/patrol.ts';
import { variablesOf, type VariableSources } from '#runtime/drivers/php-fpm/index.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Host } from '#runtime/host/host.ts';
import type { TenantProcesses } from '#runtime/host/tenant-processes.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { openDatabaseClients, type DatabaseClients } from './database-clients.ts';
import { databaseSeats } from './database-seats.ts';
import type { ServerRoster } from './database-servers.ts';
import { keepAttached } from '#runtime/streams/agent/attach.ts';
import { createReplicaWords } from '#runtime/streams/agent/replicas.ts';
import { createStreamServer } from '#runtime/streams/agent/serve-streams.ts';
import type { StreamSeat } from '#runtime/streams/agent/stream-call.ts';
import type { Writers } from '#runtime/streams/agent/writers.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { Metrics } from '#runtime/telemetry/metrics.ts';
import { sliceOf } from '#schemas/meta/names.ts';
import { domainDirectory, logsDirectory, tenantDirectory } from '#schemas/meta/tenant-tree.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';

export interface AgentStreamsOptions {
  readonly config: Pick<AgentConfig, 'hostName' | 'root' | 'frontHttpsPort'>;
  readonly client: Client;
  readonly host: Host;
  readonly patrol: Patrol;
  readonly roster: ServerRoster;
  readonly secrets: SecretReader;
  readonly processes: TenantProcesses;
  readonly writers: Writers;
  readonly cache: Cache;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const tenantStreams = 10;
const idleMs = 4 * 3_600_000;

/** Keeps the ways open by which logs and shells of this host's Domains are reached, until the signal aborts. */
export async function runStreams(options: AgentStreamsOptions, signal: AbortSignal): Promise<void> {
  const { config, client, host, patrol, roster, secrets, processes, writers, cache, log, metrics } = options;
  const { front } = await host.capabilities(signal);
  const serverHostOf = (driver: string, server: string) => roster.find(driver, server, cache);
  const databaseSeatOf = databaseSeats({ ...config, patrol, cache, serverHostOf, secrets, signal });
  const { hostName, frontHttpsPort: httpsPort } = config;
  const common = { hostName, httpsPort, host, cache, seatOf: databaseSeatOf, clock: systemClock, log };
  let clients: DatabaseClients | undefined;
  const opening = opened(async () => await openDatabaseClients(common, signal), { log, signal });
  void opening.then((ready) => (clients = ready)).catch(() => undefined);
  const replicas = createReplicaWords();
  const streams = createStreamServer({
    seatOf: (namespace, name) =>
      seatOf({ config, cache, variablesOf: (of) => variablesOf(of, secrets, signal) }, namespace, name),
    databaseSeatOf,
    inviteTo: async (database, seat) => {
      if (clients === undefined)
        throw new ApiError(
          503,
          'ServiceUnavailable',
          `The web client for databases of host ${hostName} does not run yet.`,
        );
      return await clients.invite(database, seat);
    },
    processes,
    writers,
    frontGid: front.gid,
    replicas,
    tenantStreams,
    idleMs,
    log,
  });
  metrics.gauge({ name: 'wcp360_streams_open', help: 'Logs, shells and copies that are open.', read: streams.open });
  await keepAttached({ client, hostName, serve: streams.serve, replicas, clock: systemClock, log }, signal);
}

const openingRetry: Backoff = { firstMs: 1_000, maxMs: 60_000, factor: 2, jitterRatio: 0.2 };

/** What does not open now is in nobody's way, and is tried again. */
async function opened<T>(
  open: () => Promise<T>,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await open();
    } catch (err) {
      signal.throwIfAborted();
      log.warn({ err }, 'the web client for databases does not open');
      await systemClock.sleep(backoffMs(openingRetry, attempt), signal);
    }
  }
}

function isServedBy(hostName: string, { status, metadata }: Domain): boolean {
  return status?.host === hostName && metadata.deletionTimestamp === undefined;
}

interface Known extends Pick<AgentStreamsOptions, 'config' | 'cache'> {
  readonly variablesOf: (sources: VariableSources) => Promise<Readonly<Record<string, string>>>;
}

/** Everything is found here, in what this agent knows; a Domain that is elsewhere, on its way or going is none. */
function seatOf({ config, cache, variablesOf: read }: Known, namespace: string, name: string): StreamSeat | undefined {
  const domain = cache.get(domainKind, { namespace, name });
  const { uid, effective } = cache.get(tenantKind, { name: namespace })?.status ?? {};
  if (domain === undefined || !isServedBy(config.hostName, domain) || uid === undefined) return undefined;
  const isSuspended = domain.spec.suspended || effective?.suspended === true;
  const log = (type: string): string => `${config.root}/${logsDirectory(namespace)}/${name}.${type}.log`;
  return {
    tenant: namespace,
    uid,
    tree: `${config.root}/${tenantDirectory(namespace)}`,
    workingDirectory: `${config.root}/${domainDirectory(namespace, name)}`,
    isReadOnly: isStillOn(config.hostName, domain),
    sockets: [...socketDirectoriesOf(config.root), ...neighbourSocketsIn(cache)],
    slice: sliceOf(uid),
    logs: { access: log('access'), error: log('error') },
    variables: () => read(variableSourcesOf(domain)),
    refusal: isSuspended ? `Domain ${name} is suspended: nothing of it may run.` : undefined,
  };
}

/** A site without PHP declares none. */
function variableSourcesOf({ metadata: { namespace = '' }, spec: { php } }: Domain): VariableSources {
  return {
    environment: Object.fromEntries((php?.env ?? []).map(({ name, value }) => [name, value])),
    environmentFrom: (php?.envFrom ?? []).map(({ prefix, secretRef }) => ({
      namespace,
      name: secretRef.name,
      ...(prefix === undefined ? {} : { prefix }),
    })),
  };
}
