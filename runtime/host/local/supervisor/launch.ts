import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { closeSync } from 'node:fs';
import { BugError, HostError } from '#runtime/base/errors.ts';
import type { ServiceUnit } from '#runtime/host/host.ts';
import { openLog } from '#runtime/host/local/service-log.ts';
import { startTimeOf, type ProcessIdentity } from './process-table.ts';

/** A process that was just begun. */
export interface Launched extends ProcessIdentity {
  readonly child: ChildProcess;
}

/**
 * Begins a unit's process in a session of its own, so that it outlives us. Rights are dropped between fork and exec: no program ever runs as
 * root with a tenant's environment (LD_PRELOAD). `setpriv` then makes sure that they are not won back.
 */
export function launch(unit: ServiceUnit): Launched {
  const [program, ...args] = argvOf(unit);
  if (program?.startsWith('/') !== true) throw new BugError(`service ${unit.name} has no absolute program`);
  const log = unit.logPath === undefined ? undefined : openLog(unit.logPath);
  try {
    const child = spawn(program, args, spawnOptions(unit, log ?? 'ignore'));
    // Its failure is told through `pid` below; without a listener it would end this program.
    child.on('error', () => undefined);
    child.unref();
    if (child.pid === undefined) throw new HostError(`${program} could not be started`, { program });
    return { child, pid: child.pid, startTime: startTimeOf(child.pid) ?? 'ended' };
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

function spawnOptions(unit: ServiceUnit, output: number | 'ignore'): SpawnOptions {
  return {
    detached: true,
    cwd: unit.workingDirectory ?? '/',
    env: { ...unit.environment },
    stdio: ['ignore', output, output],
    ...(unit.uid === undefined ? {} : { uid: unit.uid, gid: unit.gid ?? unit.uid }),
  };
}

function argvOf(unit: ServiceUnit): readonly string[] {
  return unit.uid === undefined || unit.uid === 0
    ? unit.command
    : ['/usr/bin/setpriv', '--no-new-privs', '--', ...unit.command];
}
