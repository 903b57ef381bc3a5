import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hierarchy } from './cgroups.ts';

/** What a machine is made with. */
export interface BootPlan {
  /** Shown at its own path, even where it lies on another disk than `/`. */
  readonly checkout: string;
  readonly hierarchies: readonly Hierarchy[];
}

const top = '/mnt';
const root = join(top, 'machine');
/** Below /proc/sys: what every network and every user namespace has for itself. */
const ownSettings = ['net', 'user'];

const mount = (...args: readonly string[]): void => void execFileSync('/usr/bin/mount', args);

/**
 * Run as process 1 of fresh namespaces: makes this machine's own files visible as another machine's, with everything written to memory, and becomes systemd.
 * /sys and most of /proc/sys are read-only: what is set there would be set for all.
 */
function boot({ checkout, hierarchies }: BootPlan): void {
  mount('--make-rprivate', '/');
  mount('-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', top);
  overlay('/', root);
  showKernel();
  showCgroups(hierarchies);
  showDevices();
  for (const [name, mode] of [
    ['run', '0755'],
    ['tmp', '1777'],
  ] as const)
    mount('-t', 'tmpfs', '-o', `mode=${mode}`, 'tmpfs', join(root, name));
  // Last, since it may lie below any of these.
  overlay(checkout, join(root, checkout));
  execFileSync('/usr/sbin/ip', ['link', 'set', 'lo', 'up']);
  writeFileSync(join(root, 'etc/machine-id'), `${'360'.padStart(32, '0')}\n`);
  becomeSystemd(hierarchies);
}

/** The same files, with changes kept in memory. By way of the working directory, since a path may hold what separates options. */
function overlay(lower: string, at: string): void {
  const layer = join(top, lower === '/' ? 'root' : 'checkout');
  for (const path of [join(layer, 'upper'), join(layer, 'work'), at]) mkdirSync(path, { recursive: true });
  const options = `lowerdir=.,upperdir=${layer}/upper,workdir=${layer}/work`;
  execFileSync('/usr/bin/mount', ['-t', 'overlay', '-o', options, 'overlay', at], { cwd: lower });
}

function showKernel(): void {
  mount('-t', 'proc', 'proc', join(root, 'proc'));
  for (const name of readdirSync('/proc/sys')) {
    const settings = join(root, 'proc/sys', name);
    if (ownSettings.includes(name)) continue;
    mount('--bind', settings, settings);
    mount('-o', 'remount,bind,ro', settings);
  }
  // A sandbox may mount /proc for itself only where one is seen whole.
  mkdirSync(join(root, 'mnt/proc'));
  mount('-t', 'proc', 'proc', join(root, 'mnt/proc'));
  mount('-t', 'sysfs', '-o', 'ro', 'sysfs', join(root, 'sys'));
}

function showCgroups(hierarchies: readonly Hierarchy[]): void {
  const directory = join(root, 'sys/fs/cgroup');
  if (isUnified(hierarchies)) return mount('-t', 'cgroup2', 'cgroup2', directory);
  mount('-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', directory);
  for (const { name, version, options } of hierarchies) {
    mkdirSync(join(directory, name));
    if (version === 2) mount('-t', 'cgroup2', 'cgroup2', join(directory, name));
    else mount('-t', 'cgroup', '-o', options, 'cgroup', join(directory, name));
  }
}

function isUnified(hierarchies: readonly Hierarchy[]): boolean {
  return hierarchies.every(({ version }) => version === 2);
}

function showDevices(): void {
  const directory = join(root, 'dev');
  mount('-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', directory);
  for (const name of ['null', 'zero', 'full', 'random', 'urandom', 'tty']) {
    writeFileSync(join(directory, name), '');
    mount('--bind', join('/dev', name), join(directory, name));
  }
  for (const name of ['pts', 'shm']) mkdirSync(join(directory, name));
  mount('-t', 'devpts', '-o', 'newinstance,ptmxmode=0666,mode=620', 'devpts', join(directory, 'pts'));
  mount('-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', join(directory, 'shm'));
  for (const [target, name] of [
    ['pts/ptmx', 'ptmx'],
    ['/proc/self/fd', 'fd'],
    ['null', 'console'],
  ] as const)
    symlinkSync(target, join(directory, name));
}

/** `basic.target`: whatever this machine has enabled stays away. */
function becomeSystemd(hierarchies: readonly Hierarchy[]): void {
  process.chdir(root);
  mkdirSync('old');
  execFileSync('/usr/sbin/pivot_root', ['.', 'old']);
  execFileSync('/usr/bin/umount', ['--lazy', '/old']);
  // As systemd does by itself outside of containers: mounts that it makes for a unit have to reach it.
  mount('--make-rshared', '/');
  process.chdir('/');
  const layout = {
    unified_cgroup_hierarchy: isUnified(hierarchies),
    legacy_systemd_cgroup_controller: hierarchies.every(({ version }) => version === 1),
  };
  const argv = [
    '--system',
    '--unit=basic.target',
    ...Object.entries(layout).map(([name, value]) => `systemd.${name}=${value}`),
  ];
  const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', container: 'wcp360-lab' };
  process.execve?.('/lib/systemd/systemd', ['/lib/systemd/systemd', ...argv], environment);
}

boot(JSON.parse(process.argv[2] ?? '') as BootPlan);
