import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A hierarchy of cgroups as a machine mounts it: with version 1 there are several, with version 2 there is one. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** `memory`: where it stands below /sys/fs/cgroup. */
  readonly name: string;
  /** Which one it is, to mount(8): `memory`, `cpu,cpuacct`, `none,name=systemd`. */
  readonly options: string;
  /** The cgroup that is all of it to the machine. */
  readonly directory: string;
}

/** What systemd counts and limits with. */
const needed = ['cpu', 'memory', 'pids'];
const prefix = 'wcp360-lab-';
const removalTries = 300;

/** Makes a cgroup of this process's own in every hierarchy. Throws where it may not, or where no limits could be set in it. */
export function makeCgroups(): readonly Hierarchy[] {
  const parents = parentCgroups();
  const isUnified = parents.every(({ version }) => version === 2);
  return parents.map((parent) => {
    removeAbandoned(parent.directory);
    const directory = join(parent.directory, `${prefix}${process.pid}`);
    mkdirSync(directory);
    if (isUnified) requireControllers(parent.directory, directory);
    inheritCpus(parent.directory, directory);
    return { ...parent, directory };
  });
}

/** Puts a process into them. */
export function enterCgroups(hierarchies: readonly Hierarchy[], pid: number): void {
  for (const { directory } of hierarchies) writeFileSync(join(directory, 'cgroup.procs'), String(pid));
}

/** Removes them with all that is below, as soon as their last process is gone. */
export async function removeCgroups(hierarchies: readonly Hierarchy[]): Promise<void> {
  for (const { directory } of hierarchies) {
    for (let tries = 0; !isRemoved(directory); tries += 1) {
      if (tries === removalTries) throw new Error(`${directory} still has processes`);
      await delay(10);
    }
  }
}

/** Those that systemd makes no use of are among them: what a machine does not have of its own it would share with all. */
function parentCgroups(): readonly Hierarchy[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n').map(mountOf);
  const parents = mounts.filter(({ type }) => type.startsWith('cgroup')).map(ownCgroup);
  // With version 2 alone, at the top: only there a cgroup may have processes beside cgroups with limits.
  return parents.length === 1 ? parents.map((parent) => ({ ...parent, directory: parent.at })) : parents;
}

interface Mount {
  readonly root: string;
  readonly at: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** proc_pid_mountinfo(5) */
function mountOf(line: string): Mount {
  const [own = '', filesystem = ''] = line.split(' - ');
  const [, , , root = '', at = ''] = own.split(' ');
  const [type = '', , options = ''] = filesystem.split(' ');
  return { root, at, type, options: options.split(',') };
}

/** The cgroup of a mounted hierarchy that we are in. */
function ownCgroup({ root, at, type, options }: Mount): Hierarchy & { readonly at: string } {
  // cgroups(7): "hierarchy-id:controllers:path", without controllers for version 2.
  const memberships = readFileSync('/proc/self/cgroup', 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(':'));
  const isThis = (names: string): boolean =>
    type === 'cgroup2' ? names === '' : names !== '' && names.split(',').every((name) => options.includes(name));
  const [, controllers = '', path = '/'] = memberships.find(([, names = '']) => isThis(names)) ?? [];
  return {
    at,
    version: type === 'cgroup2' ? 2 : 1,
    name: basename(at),
    options: controllers.startsWith('name=') ? `none,${controllers}` : controllers,
    directory: join(at, root !== '/' && path.startsWith(root) ? path.slice(root.length) : path),
  };
}

/** A cgroup without processors and memory nodes takes no process (cpuset(7)). */
function inheritCpus(parent: string, directory: string): void {
  if (existsSync(join(directory, 'cpuset.cpus.effective'))) return;
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    if (existsSync(join(directory, file))) writeFileSync(join(directory, file), readFileSync(join(parent, file)));
}

function requireControllers(parent: string, directory: string): void {
  try {
    writeFileSync(join(parent, 'cgroup.subtree_control'), needed.map((name) => `+${name}`).join(' '));
  } catch {
    // Somebody else may have done it: what counts is what is there.
  }
  const there = readFileSync(join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const missing = needed.filter((name) => !there.includes(name));
  if (missing.length === 0) return;
  rmdirSync(directory);
  throw new Error(`no cgroup with ${missing.join(', ')} can be made below ${parent}`);
}

/** What tests left that were killed. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (pid !== '' && !existsSync(`/proc/${pid}`)) isRemoved(join(parent, name));
  }
}

/** Removes what can be removed, the innermost first; whether all is gone. */
function isRemoved(directory: string): boolean {
  if (!existsSync(directory)) return true;
  const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (!below.map((entry) => isRemoved(join(directory, entry.name))).every(Boolean)) return false;
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}
