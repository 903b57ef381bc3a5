import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '#runtime/client/https-client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { upConfig, type UpConfig } from '#runtime/config/instance.ts';
import type { Services } from '#runtime/host/host.ts';
import { openSupervisor } from '#runtime/host/local/supervisor/supervisor.ts';
import { hashUnit } from '#runtime/host/local/unit-hash.ts';
import { createLogger, type Logger } from '#runtime/telemetry/logger.ts';
import type { ProgramArgs } from './flags.ts';
import { hasAuthority, startAuthority } from './instance/certificate-authority.ts';
import { applyDefinitions, awaitReady } from './instance/definitions.ts';
import { adminKubeconfigOf, apiUrl, hasOwnServer, layoutOf, mountPoint, type Layout } from './instance/layout.ts';
import { mountInstance } from './instance/namespace.ts';
import { buildOf, notePhase, type Phase } from './instance/prepare.ts';
import { writeSupervisor } from './instance/supervisor-record.ts';
import { keepTokens, placeTokens } from './instance/tokens.ts';
import { etcdUnit, programUnit, type ProgramName } from './instance/units.ts';
import { terminated, untilAborted } from './terminated.ts';

/**
 * `wcpd supervise`, which `up` starts in a fresh mount namespace: shows the instance at its mount point, starts etcd, server, controller and agent
 * or takes over those that run, and keeps them running. Ends on SIGTERM without stopping them: that is `down`'s work.
 */
export async function runSupervise({ sources }: ProgramArgs): Promise<number> {
  const config = await loadConfig(upConfig, sources);
  mountInstance(config.directory);
  const layout = layoutOf(mountPoint);
  const log = createLogger({ name: 'up', level: config.logLevel });
  const signal = terminated();
  const note = async (name: Phase['name'], message: string): Promise<void> =>
    notePhase(layout, { name, message, pid: process.pid });
  await writeSupervisor(layout);
  const services = openSupervisor({ directory: layout.instanceServices, log }, signal);
  try {
    await startAll({ config, services, log, signal }, note);
    await note('running', 'everything runs');
  } catch (err) {
    if (signal.aborted) return 0;
    log.error({ err }, 'the instance did not start');
    await note('failed', err instanceof Error ? err.message : String(err));
    return 1;
  }
  await untilAborted(signal);
  return 0;
}

interface Start {
  readonly config: UpConfig;
  readonly services: Services;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

type Note = (name: Phase['name'], message: string) => Promise<void>;

/** Starts what is missing, or what another build replaces. */
async function startAll(start: Start, note: Note): Promise<void> {
  const { config, services, log, signal } = start;
  const layout = layoutOf(mountPoint);
  if (hasOwnServer(config)) await startServer(start, note);
  else await leaveServer(start, note);
  const kubeconfig = adminKubeconfigOf(layout, config);
  const client = createClient({ ...(await loadKubeconfig({ path: kubeconfig })), userAgent: 'wcpd-up' });
  await awaitReady(client, signal);
  await note('definitions', 'applying kinds, roles and the default package');
  await applyDefinitions(client, { manifests: join(mountPoint, 'lib/manifests'), hostName: config.hostName }, signal);
  if (await hasAuthority(config)) {
    await note('authority', `a stand-in for a public CA on port ${config.acmePort}`);
    await startAuthority(config, { client, services }, signal);
  }
  if (hasOwnServer(config)) await client.close();
  else {
    const tokens = { client, layout, hostName: config.hostName, log };
    void keepTokens({ ...tokens, renewAtMs: await placeTokens(tokens, signal) }, signal);
  }
  await note('programs', 'starting controller and agent');
  for (const name of ['controller', 'agent'] as const) {
    await services.start(programUnit(name, await stateOf(layout, name)), signal);
  }
}

/** Another server is used from now on: that of the instance's own goes, after its clients, for whose watches it would wait. */
async function leaveServer({ config, services, signal }: Start, note: Note): Promise<void> {
  await note('server', `using the one that ${config.kubeconfig} names`);
  if ((await services.get('server', signal)) === undefined) return;
  for (const name of ['agent', 'controller', 'server', 'etcd']) await services.stop(name, signal);
}

async function startServer({ config, services, signal }: Start, note: Note): Promise<void> {
  const layout = layoutOf(mountPoint);
  if (config.etcdServers.length === 0) {
    await note('etcd', `starting on port ${config.etcdClientPort}, mutual TLS`);
    await services.start(etcdUnit(config), signal);
  }
  await note('server', `starting on ${apiUrl(config)}`);
  const server = programUnit('server', await stateOf(layout, 'server'));
  // A new build: its clients first, or the old server would wait for their watches to end.
  const isReplaced = (await services.get('server', signal))?.unitHash !== hashUnit(server);
  if (isReplaced) for (const name of ['agent', 'controller']) await services.stop(name, signal);
  await services.start(server, signal);
}

/** What a running program was started with: another bundle, other settings or another way to the server make another unit. */
async function stateOf(layout: Layout, name: ProgramName): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(layout.config, `${name}.yaml`)));
  if (name !== 'server') hash.update(await readFile(join(layout.config, `${name}.kubeconfig`)));
  return `${await buildOf(layout)}-${hash.digest('hex').slice(0, 12)}`;
}
