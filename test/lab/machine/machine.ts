import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until, type RunOptions } from '#test/lab/instance.ts';
import { run, type Ended } from '#test/lab/run.ts';
import { enterCgroups, makeCgroups, removeCgroups } from './cgroups.ts';
import type { BootPlan } from './boot.ts';

const checkout = join(import.meta.dirname, '../../..');
const bootTimeoutMs = 60_000;
const programs = ['/lib/systemd/systemd', '/usr/bin/unshare', '/usr/bin/nsenter', '/usr/sbin/pivot_root'];
/** Rights over what all machines on this kernel share: modules, devices, the clock. systemd leaves alone what it has no right to. */
const withheld = '-sys_module,-sys_rawio,-sys_time,-syslog';
const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid'];

/**
 * A machine on which systemd is process 1: this machine's own files, with every change kept in memory, in namespaces and cgroups of its own, and with
 * loopback as its only network. It is gone with the process that made it.
 */
export interface Machine {
  /** argv that runs a program in it. */
  inside(argv: readonly string[]): readonly string[];
  /** Never rejects for a bad exit code. */
  run(argv: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Ends every process of it and removes its cgroups. Rejects when one is left. */
  close(): Promise<void>;
}

/** Why there can be no such machine here; false when there can. */
export async function machineRefused(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'needs root: it makes namespaces and cgroups';
  const missing = programs.find((path) => !existsSync(path));
  if (missing !== undefined) return `${missing} is not installed`;
  if (!readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n')) return 'the kernel has no overlay filesystem';
  const tmpfs = ['/usr/bin/mount', '-t', 'tmpfs', 'none', '/mnt'];
  const probe = await run(['/usr/bin/unshare', ...namespaces, '--cgroup', '--fork', ...tmpfs]);
  if (probe.exitCode !== 0) return `namespaces are refused: ${probe.stderr.trim()}`;
  try {
    await removeCgroups(makeCgroups());
    return false;
  } catch (err) {
    return `cgroups are refused: ${err instanceof Error ? err.message : String(err)}`;
  }
}

/** Resolves when systemd has started all that it starts. */
export async function startMachine(): Promise<Machine> {
  const hierarchies = makeCgroups();
  const launcher = launch({ checkout, hierarchies });
  // Nobody may wait for it when it could not even be started.
  const ended = once(launcher, 'close').catch(() => undefined);
  const close = async (): Promise<void> => {
    launcher.kill('SIGKILL');
    await ended;
    await removeCgroups(hierarchies);
  };
  try {
    const pid = await until(() => childOf(launcher.pid), 'the first process of the machine');
    enterCgroups(hierarchies, pid);
    launcher.stdin?.on('error', () => undefined).end('\n');
    const inside: Machine['inside'] = (argv) => ['/usr/bin/nsenter', `--target=${pid}`, '--all', '--', ...argv];
    const machine: Machine = { inside, run: (argv, options) => run(inside(argv), options), close };
    await until(() => isBooted(machine), 'systemd to run', bootTimeoutMs);
    return machine;
  } catch (err) {
    await close();
    throw err;
  }
}

/** All of it ends with us: the launcher by the signal that setpriv asks for, the rest by the one that unshare does. */
function launch(plan: BootPlan): ChildProcess {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
  const [enter = '', boot = ''] = ['enter.ts', 'boot.ts'].map((name) => join(import.meta.dirname, name));
  const rights = ['--pdeathsig=KILL', `--bounding-set=${withheld}`, '--'];
  const apart = ['/usr/bin/unshare', ...namespaces, '--fork', '--kill-child', '--'];
  const argv = [...rights, ...apart, ...node, enter, ...node, boot, JSON.stringify(plan)];
  return spawn('/usr/bin/setpriv', argv, { cwd: '/', stdio: ['pipe', 'ignore', 'inherit'] });
}

function childOf(pid: number | undefined): number | undefined {
  const [first = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return first === '' ? undefined : Number(first);
}

/** Degraded is good enough: what a lab lacks (a console, devices) is not asked for. */
async function isBooted(machine: Machine): Promise<boolean> {
  const state = (await machine.run(['/usr/bin/systemctl', 'is-system-running'])).stdout.trim();
  return state === 'running' || state === 'degraded';
}
