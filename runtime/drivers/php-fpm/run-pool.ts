import { posix } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HostError, RefusedError } from '#runtime/base/errors.ts';
import type { Host } from '#runtime/host/host.ts';
import { accountTexts } from '#runtime/host/tenant-sandbox.ts';
import type { PhpPool } from './model.ts';
import { configurationPath, generationOf, isGenerationOf, type Generation, type PhpWorld } from './pool-unit.ts';
import { socketInside } from './sandbox.ts';

const readyTimeoutMs = 10_000;

/** Pools of one host in turn: starting, replacing and stopping of one pool never overlap. */
const turns = new WeakMap<Host, Map<string, Promise<unknown>>>();

/** Runs a step when all earlier ones for this pool are over. */
export async function inTurnOf<T>(host: Host, pool: string, step: () => Promise<T>): Promise<T> {
  const own = turns.get(host) ?? new Map<string, Promise<unknown>>();
  turns.set(host, own);
  const mine = (own.get(pool) ?? Promise.resolve()).then(step, step);
  own.set(pool, mine);
  try {
    return await mine;
  } finally {
    if (own.get(pool) === mine) own.delete(pool);
  }
}

/**
 * Brings the pool's master to what `pool` says and publishes its socket; returns when the socket accepts. A running master with other settings goes on
 * until the new one answers, then finishes its requests and ends. To be called in the pool's turn.
 * Errors: RefusedError when the PHP version is not installed or a Secret is missing, HostError when php-fpm does not start.
 */
export async function runPool(name: string, pool: PhpPool, world: PhpWorld, signal: AbortSignal): Promise<void> {
  const { host } = world;
  await refuseMissingVersion(pool, host, signal);
  const generation = await generationOf(name, pool, world, signal);
  const socket = socketOf(generation);
  const isRunning = (await host.services.get(generation.unit.name, signal))?.running === true;
  // A master whose queue is full does not accept either: one that has made its socket is left alone.
  if (!isRunning || (await host.facts(socket, signal))?.type !== 'socket') {
    await host.services.stop(generation.unit.name, signal);
    await prepare({ name, pool, generation, host }, signal);
    await host.services.start(generation.unit, signal);
    await untilItAccepts(generation, host, signal);
  }
  await host.publishSocket(socket, pool.socket, pool.uid, signal);
  await retireGenerations(name, host, generation.unit.name, signal);
}

/** Whoever connected just before the new socket was published is still in the old master's queue, which it would drop. */
const queueDrainMs = 100;

/** Ends every master of a pool but `keep`. Their sockets' directories go with them. */
export async function retireGenerations(
  name: string,
  host: Host,
  keep: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const services = await host.services.list(signal);
  const old = services.filter((service) => service.name !== keep && isGenerationOf(name, service.name));
  if (old.length > 0 && keep !== undefined) await delay(queueDrainMs, undefined, { signal });
  for (const service of old) await host.services.stop(service.name, signal);
}

/** RefusedError `PhpVersionNotInstalled`. */
export async function refuseMissingVersion(pool: PhpPool, host: Host, signal: AbortSignal): Promise<void> {
  const { phpVersions } = await host.capabilities(signal);
  if (phpVersions.includes(pool.version)) return;
  const there = phpVersions.length === 0 ? 'none is' : `installed: ${phpVersions.join(', ')}`;
  throw new RefusedError('PhpVersionNotInstalled', `PHP ${pool.version} is not installed on this host (${there}).`);
}

function socketOf(generation: Generation): string {
  return `${generation.socketDirectory}/${posix.basename(socketInside)}`;
}

/** A master about to be started. */
interface Start {
  readonly name: string;
  readonly pool: PhpPool;
  readonly generation: Generation;
  readonly host: Host;
}

async function prepare(start: Start, signal: AbortSignal): Promise<void> {
  const { pool, generation, host } = start;
  const { front } = await host.capabilities(signal);
  const directory = posix.dirname(pool.socket);
  const passable = { mode: 0o711, uid: 0, gid: 0 };
  const readable = { mode: 0o644, uid: 0, gid: 0 };
  await host.makeDirectory(`${host.root}/run`, passable, signal);
  await host.makeDirectory(`${host.root}/run/php`, passable, signal);
  await host.makeDirectory(directory, passable, signal);
  await host.makeDirectory(`${directory}/etc`, { ...readable, mode: 0o755 }, signal);
  // What an earlier master left there, or the tenant put there, would be in the way.
  await host.removeTree(generation.socketDirectory, signal);
  // Setgid: the socket that the tenant makes gets the front's group.
  await host.makeDirectory(generation.socketDirectory, { mode: 0o2710, uid: pool.uid, gid: front.gid }, signal);
  const configuration = await host.readProgramText(new URL('./pool/php-fpm.conf', import.meta.url), signal);
  const account = accountTexts({ ...pool, home: pool.tree });
  const files = [
    [configurationPath(host.root), configuration],
    [`${directory}/etc/passwd`, account.passwd],
    [`${directory}/etc/group`, account.group],
  ] as const;
  for (const [path, text] of files) {
    if ((await host.readText(path, signal)) !== text) await host.replaceFile(path, text, readable, signal);
  }
  await removeOldDirectories(start, directory, signal);
}

/** Directories of generations that run no more. */
async function removeOldDirectories(
  { name, generation, host }: Start,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const alive = new Set(
    (await host.services.list(signal))
      .filter((service) => isGenerationOf(name, service.name))
      .map((service) => service.name.slice(-10)),
  );
  for (const entry of (await host.readDirectory(directory, signal)) ?? []) {
    const isOld = /^[0-9a-f]{10}$/.test(entry.name) && !alive.has(entry.name);
    const path = `${directory}/${entry.name}`;
    if (isOld && path !== generation.socketDirectory) await host.removeTree(path, signal);
  }
}

/** Polls from 1 ms: php-fpm tells nobody when it listens. */
async function untilItAccepts(generation: Generation, host: Host, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  const { name, logPath } = generation.unit;
  for (let waitMs = 1; !(await host.accepts(socketOf(generation), signal)); waitMs = Math.min(waitMs * 1.5, 20)) {
    const isRunning = (await host.services.get(name, signal))?.running === true;
    if (isRunning && performance.now() < deadline) {
      await delay(waitMs, undefined, { signal });
      continue;
    }
    await host.services.stop(name, signal);
    const what = isRunning ? `does not listen after ${readyTimeoutMs} ms` : 'ended at once';
    throw new HostError(`php-fpm ${what}; see ${logPath}`, { program: 'php-fpm' });
  }
}
