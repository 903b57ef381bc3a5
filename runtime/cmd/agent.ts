import { availableParallelism } from 'node:os';
import { systemClock } from '#runtime/base/clock.ts';
import { parseNetwork } from '#runtime/base/networks.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { agentConfig, type AgentConfig } from '#runtime/config/programs.ts';
import {
  createStapler,
  probeCertificate,
  probeChallenge,
  probeHandshake,
  probeSite,
  startFront,
  type FrontSettings,
} from '#runtime/drivers/nginx/index.ts';
import { startWaker } from '#runtime/drivers/php-fpm/index.ts';
import { openLocalHost, type LocalHost } from '#runtime/host/local/open-local-host.ts';
import { openTenantProcesses } from '#runtime/host/local/open-tenant-processes.ts';
import { createLogger, type Logger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import { holdCertificate } from './agent/keep-certificate.ts';
import { keyProgram } from './key-program.ts';
import { keepHouse } from './agent/keep-house.ts';
import { prepareHost } from './agent/prepare-host.ts';
import { openDatabaseServers } from './agent/database-servers.ts';
import { secretReader } from './agent/secret-reader.ts';
import { speaksHttp3 } from './agent/speaks-http3.ts';
import { startAgent, type AgentOptions } from './agent/start-agent.ts';
import { startNameServer } from './agent/start-name-server.ts';
import { connectionTo } from './connect.ts';
import type { ProgramArgs } from './flags.ts';
import { resyncOnSignal } from './resync-on-signal.ts';
import { serveMetrics } from './serve-metrics.ts';
import { terminated } from './terminated.ts';

/** A PHP master without a request for this long is stopped; the next request starts it again. */
const phpIdleMs = 300_000;

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
  const front = await frontSettings(config, { host, log }, signal);
  const secrets = secretReader(client);
  await startWaker({ host, secrets, log, idleMs: phpIdleMs }, signal);
  await startFront(host, front, signal);
  const dns = await startNameServer(config, { host, log, signal });
  const databaseServers = await openDatabaseServers({ host, log, signal });
  await holdCertificate(connection, { ...config, client, clock: systemClock, log, signal });
  const processes = openTenantProcesses(servicesOf(config));
  const networks = config.ocspNetworks.flatMap((text) => parseNetwork(text) ?? []);
  const staples = createStapler({ host, networks, clock: systemClock, log });
  const parts = { config, client, host, dns, databaseServers, secrets, staples, processes, log, metrics, signal };
  const agent = await startAgent({ ...parts, front: probesOf(front), http3: front.http3 });
  health.readyAfter(agent.synced);
  resyncOnSignal(() => agent.resync(), signal);
  await keepHouse({ host, staples, log, signal });
  await agent.ended;
  await client.close();
  host.close();
  return 0;
}

/** Asks the front where visitors do. */
function probesOf({ listen: [plain = loopback], httpsListen: [secure] }: FrontSettings): AgentOptions['front'] {
  return {
    site: async ({ host }, hostname, signal) => await probeSite(host, plain, hostname, signal),
    ...(secure === undefined
      ? {}
      : {
          certificate: async ({ host }, hostname, signal) =>
            (await probeCertificate(host, secure, hostname, signal))?.serialNumber,
        }),
    challenge: async ({ host }, { token, answer }, signal) => {
      if (answer.way === 'Path') return await probeChallenge(host, plain, { token, ...answer }, signal);
      return secure !== undefined && (await probeHandshake(host, secure, answer, signal));
    },
  };
}

function servicesOf({ serviceManager }: AgentConfig): 'systemd' | 'supervisor' {
  return serviceManager === 'systemd' ? 'systemd' : 'supervisor';
}

const loopback = { address: '127.0.0.1', port: 80 } as const;

async function frontSettings(
  config: AgentConfig,
  { host, log }: { readonly host: LocalHost; readonly log: Logger },
  signal: AbortSignal,
): Promise<FrontSettings> {
  const { front } = await host.capabilities(signal);
  return {
    root: config.root,
    listen: config.frontAddresses.map((address) => ({ address, port: config.frontHttpPort })),
    httpsListen:
      config.frontHttpsPort === 0
        ? []
        : config.frontAddresses.map((address) => ({ address, port: config.frontHttpsPort })),
    http3: await speaksHttp3(config, { host, log }, signal),
    keyProgram: [process.execPath, keyProgram],
    user: front.user,
    workers: availableParallelism(),
    trustedProxies: config.trustedProxies,
    clientAddress: config.proxyProtocol ? 'ProxyProtocol' : 'X-Forwarded-For',
  };
}
