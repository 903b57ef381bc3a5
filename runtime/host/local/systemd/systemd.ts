import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { HostError } from '#runtime/base/errors.ts';
import type { ServiceState, ServiceUnit, Services } from '#runtime/host/host.ts';
import { onPath, orAbsent } from '#runtime/host/local/file-errors.ts';
import { runProgram } from '#runtime/host/local/run-program.ts';
import { hashUnit } from '#runtime/host/local/supervisor/service-record.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { renderEnvironment, renderUnit } from './unit-file.ts';

const systemctl = '/usr/bin/systemctl';
const timeoutMs = 60_000;
const prefix = 'wcp360-';

/** `runtimeDirectory`: where units are written that do not survive a reboot. */
export interface SystemdOptions {
  readonly runtimeDirectory: string;
  readonly log: Logger;
}

/** Services as units of systemd, by `systemctl` only: the same under cgroup v1 and v2. Units live below /run; after a reboot the agent starts them anew. */
export function openSystemd(options: SystemdOptions): Services {
  const paths = (name: string): UnitPaths => ({
    unit: `${options.runtimeDirectory}/${prefix}${name}.service`,
    environment: `${options.runtimeDirectory}/${prefix}${name}.environment`,
  });
  return {
    manager: 'systemd',
    limitsEnforced: true,
    list: (signal) => list(options.runtimeDirectory, signal),
    get: async (name, signal) => (await show(options.runtimeDirectory, [name], signal))[0],
    processCount: (name, signal) => processCount(name, signal),
    start: (unit, signal) => start(unit, paths(unit.name), signal),
    stop: async (name, signal) => {
      await call(['stop', `${prefix}${name}.service`], signal, true);
      for (const path of Object.values(paths(name)) as readonly string[])
        orAbsent(path, () => rmSync(path, { force: true }));
    },
    signal: async (name, signal) => {
      await call(
        ['kill', '--kill-who=main', `--signal=${signal}`, `${prefix}${name}.service`],
        AbortSignal.timeout(timeoutMs),
      );
    },
  };
}

interface UnitPaths {
  readonly unit: string;
  readonly environment: string;
}

async function start(unit: ServiceUnit, paths: UnitPaths, signal: AbortSignal): Promise<void> {
  const mark = `# unit ${hashUnit(unit)}\n`;
  const text = mark + renderUnit(unit, paths.environment);
  const isSame = orAbsent(paths.unit, () => readFileSync(paths.unit, 'utf8')) === text;
  if (!isSame) {
    onPath(paths.unit, () => {
      writePrivate(paths.environment, renderEnvironment(unit.environment ?? {}));
      writePrivate(paths.unit, text);
    });
    await call(['daemon-reload'], signal);
  }
  await call([isSame ? 'start' : 'restart', `${prefix}${unit.name}.service`], signal);
}

function writePrivate(path: string, text: string): void {
  mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

async function list(directory: string, signal: AbortSignal): Promise<readonly ServiceState[]> {
  const names = (orAbsent(directory, () => readdirSync(directory)) ?? []).flatMap((file) =>
    file.startsWith(prefix) && file.endsWith('.service') ? [file.slice(prefix.length, -'.service'.length)] : [],
  );
  return await show(directory, names.toSorted(), signal);
}

/** One `systemctl show` for all; blocks are separated by an empty line, in the order asked. */
async function show(
  directory: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly ServiceState[]> {
  if (names.length === 0) return [];
  const units = names.map((name) => `${prefix}${name}.service`);
  const answer = await call(
    ['show', '--property=LoadState,ActiveState,MainPID,ExecMainStartTimestampMonotonic', '--', ...units],
    signal,
  );
  const blocks = answer.split('\n\n');
  return names.flatMap((name, index): readonly ServiceState[] => {
    const text = blocks[index] ?? '';
    if (!text.includes('LoadState=loaded')) return [];
    const pid = Number(/MainPID=(\d+)/.exec(text)?.[1] ?? 0);
    if (!/ActiveState=(active|reloading)/.test(text) || pid === 0) return [{ name, running: false }];
    const path = `${directory}/${prefix}${name}.service`;
    const unitHash = /^# unit (\w+)/.exec(orAbsent(path, () => readFileSync(path, 'utf8')) ?? '')?.[1];
    return [{ name, running: true, pid, ...(unitHash === undefined ? {} : { unitHash }) }];
  });
}

async function processCount(name: string, signal: AbortSignal): Promise<number> {
  const answer = await call(['show', '--property=TasksCurrent', '--', `${prefix}${name}.service`], signal);
  const count = Number(/TasksCurrent=(\d+)/.exec(answer)?.[1] ?? 0);
  return Number.isSafeInteger(count) ? count : 0;
}

async function call(argv: readonly string[], signal: AbortSignal, allowFailure = false): Promise<string> {
  const result = await runProgram(
    [systemctl, ...argv],
    { timeoutMs, allowFailure: true, maxBytes: 16 * 1024 * 1024 },
    signal,
  );
  if (result.exitCode !== 0 && !allowFailure) {
    throw new HostError(`systemctl ${argv[0]}: ${result.stderr.trim().slice(0, 500)}`, {
      program: systemctl,
      exitCode: result.exitCode,
    });
  }
  return result.stdout;
}
