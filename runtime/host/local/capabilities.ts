import { readdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { HostError } from '#runtime/base/errors.ts';
import type { HostCapabilities } from '#runtime/host/host.ts';
import { runProgram } from './run-program.ts';

const getent = '/usr/bin/getent';
const nginx = '/usr/sbin/nginx';

/** Looks at what this machine has: one `getent`, one `nginx -v`, and the file system of `root`. */
export async function detectCapabilities(
  { root, frontUser }: { readonly root: string; readonly frontUser: string },
  signal: AbortSignal,
): Promise<HostCapabilities> {
  const accounts = await runProgram([getent, 'passwd'], { timeoutMs: 10_000 }, signal);
  const rows = accounts.stdout.split('\n').map((line) => line.split(':'));
  const front = rows.find((row) => row[0] === frontUser);
  if (front === undefined) throw new HostError(`this host has no account "${frontUser}" for the web front`);
  return {
    phpVersions: phpVersions(),
    nginxVersion: await nginxVersion(signal),
    takenUids: new Set(rows.filter((row) => row.length > 2).map((row) => Number(row[2]))),
    size: await sizeOf(root),
    front: { user: frontUser, uid: Number(front[2]), gid: Number(front[3]) },
  };
}

async function sizeOf(root: string): Promise<HostCapabilities['size']> {
  const { blocks, bsize } = await statfs(root);
  return { processors: availableParallelism(), memoryBytes: totalmem(), storageBytes: blocks * bsize };
}

function phpVersions(): readonly string[] {
  return readdirSync('/usr/sbin')
    .flatMap((name) => /^php-fpm(\d+\.\d+)$/.exec(name)?.[1] ?? [])
    .toSorted();
}

async function nginxVersion(signal: AbortSignal): Promise<string | undefined> {
  try {
    const answer = await runProgram([nginx, '-v'], { timeoutMs: 10_000, allowFailure: true }, signal);
    return /nginx\/(\S+)/.exec(answer.stderr)?.[1];
  } catch (err) {
    if (err instanceof HostError) return undefined;
    throw err;
  }
}
