import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { mountPoint } from './layout.ts';

const mount = (...args: readonly string[]): void =>
  void execFileSync('/usr/bin/mount', args, { stdio: ['ignore', 'ignore', 'pipe'] });

/**
 * Starts a program in a mount namespace of its own and in a session of its own, so that it outlives us. Mounts made in there are seen by
 * nobody else, and are gone with the last process in it.
 */
export function spawnInNamespace(argv: readonly string[], logPath: string): number {
  const log = openSync(logPath, 'a', 0o640);
  const child = spawn('/usr/bin/unshare', ['--mount', '--propagation', 'private', '--', ...argv], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  });
  child.unref();
  if (child.pid === undefined) throw new Error('unshare could not be started');
  return child.pid;
}

/** Inside of a fresh mount namespace: shows `directory` at the mount point, with nothing else of the host's /srv around it. */
export function mountInstance(directory: string): void {
  // By way of /mnt, since the directory may itself lie below /srv.
  mount('--bind', directory, '/mnt');
  mount('-t', 'tmpfs', '-o', 'mode=0755,size=64k', 'wcp360', '/srv');
  mkdirSync(mountPoint, { mode: 0o755 });
  mount('--move', '/mnt', mountPoint);
}
