import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '#runtime/base/errors.ts';
import type { ServiceState, ServiceUnit, Services } from '#runtime/host/host.ts';
import { keepLogsBounded, logTail, openLog } from '#runtime/host/local/service-log.ts';
import { familyOf, startTimeOf } from '#runtime/host/local/supervisor/process-table.ts';
import { hashUnit } from '#runtime/host/local/unit-hash.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { openSlices } from './slices.ts';
import { systemctl } from './systemctl.ts';
import { openUnitStore, unitName, type UnitStore } from './unit-store.ts';

/** A service that is to run always and ends this soon after its start did not start. */
const graceMs = 100;
/** Longer than any unit takes to stop by its own bound. */
const stopTimeoutMs = 2 * 3_600_000;

/** `runtimeDirectory`: where systemd looks for what does not survive a reboot, `/run/systemd`. */
export interface SystemdOptions {
  readonly runtimeDirectory: string;
  readonly log: Logger;
}

/**
 * Services as units of systemd, by `systemctl` only: the same under cgroup v1 and v2. After a reboot the agent starts them anew.
 * A unit file changes only while its service does not run, so that its mark always tells what was started.
 */
export function openSystemd({ runtimeDirectory, log }: SystemdOptions, lifetime: AbortSignal): Services {
  const store = openUnitStore(`${runtimeDirectory}/system`);
  keepLogsBounded(() => store.names().flatMap((name) => store.marks(name)?.logPath ?? []), log, lifetime);
  const get: Services['get'] = async (name, signal) => (await show(store, [name], signal))[0];
  return {
    manager: 'systemd',
    slices: openSlices(`${runtimeDirectory}/system.control`),
    list: (signal) => show(store, store.names(), signal),
    get,
    processCount: async (name, signal) => {
      const pid = (await get(name, signal))?.pid;
      const startTime = pid === undefined ? undefined : startTimeOf(pid);
      return pid === undefined || startTime === undefined ? 0 : familyOf({ pid, startTime }).length;
    },
    start: (unit, signal) => start(store, unit, signal),
    stop: (name, signal) => stop(store, name, signal),
    signal: async (name, signal) => {
      await systemctl(['kill', '--kill-who=main', `--signal=${signal}`, unitName(name)], AbortSignal.timeout(60_000));
    },
  };
}

async function start(store: UnitStore, unit: ServiceUnit, signal: AbortSignal): Promise<void> {
  const [before] = await show(store, [unit.name], signal);
  if (before?.running === true && before.unitHash === hashUnit(unit)) return;
  await stop(store, unit.name, signal);
  const log = unit.logPath === undefined ? undefined : openLog(unit.logPath);
  try {
    store.write(unit, log === undefined ? undefined : logFor(unit, log));
    await begin(store, unit, signal);
  } catch (err) {
    if (!signal.aborted) await stop(store, unit.name, signal);
    throw err;
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

/**
 * systemd follows links, so it is given the file that we have opened rather than a name that somebody may have put elsewhere meanwhile. What it starts
 * again by itself needs a name that outlives us.
 */
function logFor(unit: ServiceUnit, log: number): string | undefined {
  return unit.restart === 'always' ? unit.logPath : `/proc/${process.pid}/fd/${log}`;
}

/** What runs on demand is waited for by whoever needs it. */
async function begin(store: UnitStore, unit: ServiceUnit, signal: AbortSignal): Promise<void> {
  const endedAtOnce = (cause?: unknown): HostError =>
    new HostError(
      `service ${unit.name} ended at once: ${logTail(unit.logPath)}`,
      { program: unit.command[0] ?? '' },
      { cause },
    );
  await systemctl(['start', '--', unitName(unit.name)], signal).catch((err: unknown) => {
    throw err instanceof HostError ? endedAtOnce(err) : err;
  });
  if (unit.restart === 'never') return;
  await delay(graceMs, undefined, { signal });
  const [after] = await show(store, [unit.name], signal);
  if (after?.running !== true) throw endedAtOnce();
}

async function stop(store: UnitStore, name: string, signal: AbortSignal): Promise<void> {
  if (store.marks(name) === undefined) return;
  await systemctl(['stop', '--', unitName(name)], signal, stopTimeoutMs);
  store.remove(name);
}

/** One call for all; the answers are separated by an empty line, in the order asked. */
async function show(store: UnitStore, names: readonly string[], signal: AbortSignal): Promise<readonly ServiceState[]> {
  const known = names.flatMap((name) => {
    const marks = store.marks(name);
    return marks === undefined ? [] : [{ name, unitHash: marks.unitHash }];
  });
  if (known.length === 0) return [];
  const units = known.map(({ name }) => unitName(name));
  const answer = await systemctl(['show', '--property=ActiveState,MainPID', '--', ...units], signal);
  const blocks = answer.split('\n\n');
  return known.map(({ name, unitHash }, index) => {
    const pid = runningPid(blocks[index] ?? '');
    return pid === undefined ? { name, running: false } : { name, running: true, pid, unitHash };
  });
}

function runningPid(properties: string): number | undefined {
  const pid = Number(/^MainPID=(\d+)$/m.exec(properties)?.[1] ?? 0);
  return pid !== 0 && /^ActiveState=(active|reloading)$/m.test(properties) ? pid : undefined;
}
