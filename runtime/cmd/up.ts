import { resolve } from 'node:path';
import { HostError, RefusedError } from '#runtime/base/errors.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { upConfig, type UpConfig } from '#runtime/config/instance.ts';
import { isAlive } from '#runtime/host/local/supervisor/process-table.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProgramArgs } from './flags.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { adminKubeconfigOf, hasOwnServer, layoutOf, type Layout } from './instance/layout.ts';
import { spawnInNamespace } from './instance/namespace.ts';
import { checkPorts } from './instance/ports.ts';
import {
  buildOf,
  placeEnvironment,
  placeNode,
  prepareDirectories,
  prepareFiles,
  readPhase,
  type Phase,
} from './instance/prepare.ts';
import { runningServices } from './instance/services.ts';
import { readSupervisor } from './instance/supervisor-record.ts';

const startTimeoutMs = 120_000;
const pollMs = 30;
const stopTimeoutMs = 10_000;

/**
 * `wcpd up`: prepares an instance, starts its supervisor in a mount namespace of its own and returns when everything runs.
 * Repeatable at any time: what runs already from the same build is left alone, what is missing is started, a new build replaces the old.
 */
export async function runUp(args: ProgramArgs): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new RefusedError('RootRequired', 'sites run under uids of their own, so this needs root; try sudo');
  const config = await settings(args);
  const layout = layoutOf(config.directory);
  await prepareDirectories(layout);
  await checkPorts(config, await runningServices(layout));
  await prepareFiles(layout, config, callerOf(process.env));
  await placeNode(layout, process.execPath);
  await placeEnvironment(layout, config);
  await replaceSupervisor(layout);
  const argv = [layout.node, join(layout.programs, 'wcpd.mjs'), 'supervise', ...flagsOf(config)];
  const pid = spawnInNamespace(argv, join(layout.logs, 'up.log'));
  await awaitRunning(layout, pid, say);
  const { server } = await loadKubeconfig({ path: adminKubeconfigOf(layout, config) });
  say('instance', `running: ${server}, build ${await buildOf(layout)}`);
  return 0;
}

/** Flags and variables win over what the instance was started with before. */
async function settings({ sources }: ProgramArgs): Promise<UpConfig> {
  const asked = await loadConfig(upConfig, sources);
  const directory = resolve(asked.directory);
  const before = join(directory, 'config/up.yaml');
  const isThere = await readFile(before).then(
    () => true,
    () => false,
  );
  const config =
    isThere && sources.file === undefined ? await loadConfig(upConfig, { ...sources, file: before }) : asked;
  return { ...config, directory, kubeconfig: hasOwnServer(config) ? '' : resolve(config.kubeconfig) };
}

function flagsOf(config: UpConfig): readonly string[] {
  return ['--config', join(config.directory, 'config/up.yaml'), '--directory', config.directory];
}

/** Who asked: sudo tells. */
function callerOf(environment: NodeJS.ProcessEnv): { readonly uid: number; readonly gid: number } {
  return { uid: Number(environment['SUDO_UID'] ?? 0), gid: Number(environment['SUDO_GID'] ?? 0) };
}

/** Its services go on; the new supervisor takes them over. */
async function replaceSupervisor(layout: Layout): Promise<void> {
  const before = await readSupervisor(layout);
  if (before === undefined) return;
  process.kill(before.pid, 'SIGTERM');
  const giveUpAt = Date.now() + stopTimeoutMs;
  while (isAlive(before)) {
    if (Date.now() > giveUpAt) process.kill(before.pid, 'SIGKILL');
    await systemClock.sleep(pollMs);
  }
}

function say(what: string, text: string): void {
  console.log(`  ${what.padEnd(22)} ${text}`);
}

async function awaitRunning(layout: Layout, pid: number, tell: typeof say): Promise<void> {
  const giveUpAt = Date.now() + startTimeoutMs;
  let told: Phase['name'] | undefined;
  while (Date.now() < giveUpAt) {
    const phase = await readPhase(layout);
    if (phase?.pid === pid && phase.name !== told) {
      if (phase.name === 'running') return;
      if (phase.name === 'failed') throw new HostError(`the instance did not start: ${phase.message}`);
      tell(phase.name, phase.message);
      told = phase.name;
    }
    if (!isRunning(pid))
      throw new HostError(
        `the instance's supervisor ended; the end of ${layout.logs}/up.log:\n${await lastLines(layout)}`,
      );
    await systemClock.sleep(pollMs);
  }
  throw new HostError(`the instance did not start in ${startTimeoutMs / 1000} s; see ${layout.logs}`);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function lastLines(layout: Layout): Promise<string> {
  const text = await readFile(join(layout.logs, 'up.log'), 'utf8').catch(() => '');
  return text.split('\n').slice(-12).join('\n');
}
