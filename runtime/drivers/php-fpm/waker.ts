import { setTimeout as delay } from 'node:timers/promises';
import { Wcp360Error } from '#runtime/base/errors.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { PhpPool } from './model.ts';
import { parsePool, poolNameOfFile, poolsDirectory, recordPath } from './pool-record.ts';
import { isGenerationOf, type PhpWorld } from './pool-unit.ts';
import { inTurnOf, retireGenerations, runPool } from './run-pool.ts';

/** A sandbox without a child of php-fpm: bubblewrap and the master. */
const idleProcesses = 2;

export interface WakerOptions extends PhpWorld {
  readonly log: Logger;
  /** How long a pool may have no child before its master is stopped. */
  readonly idleMs: number;
}

/**
 * Answers the front on `<root>/run/wake.sock` (the front's group only): `wake <pool>` starts the pool's master and answers `ok` when its socket accepts;
 * `resolve <name>` answers `ok <address>…`. Anything that fails is answered with `error` and told to the log. Stops masters that were idle for `idleMs`.
 * Returns when it listens; ends with the signal and leaves masters running.
 */
export async function startWaker(options: WakerOptions, signal: AbortSignal): Promise<void> {
  const { host } = options;
  const { front } = await host.capabilities(signal);
  await host.makeDirectory(`${host.root}/run`, { mode: 0o711, uid: 0, gid: 0 }, signal);
  const ownership = { mode: 0o660, uid: 0, gid: front.gid };
  await host.listenUnix(`${host.root}/run/wake.sock`, ownership, (line) => answer(line, options, signal), signal);
  void stopIdle(options, signal);
}

async function answer(line: string, options: WakerOptions, signal: AbortSignal): Promise<string> {
  const [verb, subject] = line.split(' ');
  try {
    if (verb === 'wake' && subject !== undefined) return await wake(subject, options, signal);
    if (verb === 'resolve' && subject !== undefined && /^[A-Za-z0-9._-]{1,253}$/.test(subject)) {
      return ['ok', ...(await options.host.resolve(subject, signal))].join(' ');
    }
    return 'error unknown';
  } catch (err) {
    options.log.warn({ subject, err }, 'the front asked in vain');
    return `error ${err instanceof Wcp360Error ? err.code : 'unexpected'}`;
  }
}

/** The record is read in the pool's turn: it is the newest, whatever waited before. */
async function wake(name: string, options: WakerOptions, signal: AbortSignal): Promise<string> {
  return await inTurnOf(options.host, name, async () => {
    const pool = await readPool(name, options, signal);
    if (pool === undefined) return 'error unknown';
    await runPool(name, pool, options, signal);
    return 'ok';
  });
}

async function readPool(name: string, options: WakerOptions, signal: AbortSignal): Promise<PhpPool | undefined> {
  const text = await options.host.readText(recordPath(options.host.root, name), signal);
  return text === undefined ? undefined : parsePool(text);
}

/** Looks at running masters twice per `idleMs`; one without a child at both looks is stopped. */
async function stopIdle(options: WakerOptions, signal: AbortSignal): Promise<void> {
  const idleSince = new Map<string, number>();
  while (!signal.aborted) {
    try {
      await delay(options.idleMs / 2, undefined, { signal, ref: false });
      await stopIdleOnce(options, idleSince, signal);
    } catch (err) {
      if (!signal.aborted) options.log.warn({ err }, 'could not look for idle pools');
    }
  }
}

async function stopIdleOnce(options: WakerOptions, idleSince: Map<string, number>, signal: AbortSignal): Promise<void> {
  const { host } = options;
  const running = (await host.services.list(signal)).filter(
    (service) => service.running && service.name.startsWith('php-'),
  );
  for (const name of idleSince.keys()) if (!running.some((service) => service.name === name)) idleSince.delete(name);
  if (running.length === 0) return;
  const pools = (await host.readDirectory(poolsDirectory(host.root), signal)) ?? [];
  const names = pools.flatMap((entry) => poolNameOfFile(entry.name) ?? []);
  for (const { name: service } of running) {
    if ((await host.services.processCount(service, signal)) > idleProcesses) {
      idleSince.delete(service);
      continue;
    }
    const since = idleSince.get(service) ?? performance.now();
    idleSince.set(service, since);
    const pool = names.find((name) => isGenerationOf(name, service));
    if (performance.now() - since < options.idleMs * 0.9) continue;
    if (pool === undefined) await host.services.stop(service, signal);
    else await stopPool(pool, service, options, signal);
  }
}

/** The socket's public name goes first: whoever comes now asks for a wake, which waits for its turn. */
async function stopPool(name: string, service: string, options: WakerOptions, signal: AbortSignal): Promise<void> {
  const { host } = options;
  await inTurnOf(host, name, async () => {
    if ((await host.services.processCount(service, signal)) > idleProcesses) return;
    const pool = await readPool(name, options, signal);
    if (pool !== undefined) await host.removeFile(pool.socket, signal);
    await retireGenerations(name, host, undefined, signal);
  });
}
