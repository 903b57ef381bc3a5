import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Workspace } from '#runtime/host/workspace.ts';
import { createOwnWrites } from './own-writes.ts';
import { readTree } from './read-tree.ts';
import { runProgram } from './run-program.ts';
import { resolveName } from './sockets.ts';
import { watchDeep } from './watch-files.ts';

const lentName = /^wcp360-(\d+)-/;

/** A workspace that lends directories below `directory`; what processes left there that are gone is removed. */
export async function openWorkspace(directory: string): Promise<Workspace> {
  await removeAbandoned(directory);
  return {
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    withDirectory: async (use) => {
      const lent = await mkdtemp(join(directory, `wcp360-${process.pid}-`));
      try {
        return await use(lent);
      } finally {
        await rm(lent, { recursive: true, force: true });
      }
    },
    placeFile: async (path, content) => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(path, content, { mode: 0o600 });
    },
    run: runProgram,
    resolve: resolveName,
    readTree,
    watch: async (watched, onChange, signal) =>
      await watchDeep({ directory: watched, ownWrites: createOwnWrites(), onChange }, signal),
  };
}

/** Others may work in the same directory. */
async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = Number(lentName.exec(name)?.[1] ?? process.pid);
    if (pid !== process.pid && !isRunning(pid)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (err) {
    return err instanceof Error && 'code' in err && err.code === 'EPERM';
  }
}
