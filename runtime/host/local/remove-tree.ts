import { renameSync } from 'node:fs';
import { onPath, orAbsent } from './file-errors.ts';
import { runProgram } from './run-program.ts';
import { checkPath } from './safe-path.ts';
import type { FileScope } from './write-files.ts';

const deleteTimeoutMs = 30 * 60_000;
const pathsPerRun = 200;

/**
 * Takes a tree away by one rename, then deletes it where only root can enter. GNU rm walks with directory handles: a process that still works
 * inside the tree cannot lead it elsewhere by swapping a directory for a link, which a walk by path would follow.
 */
export async function removeTree(scope: FileScope, path: string, signal: AbortSignal): Promise<void> {
  checkPath(scope.roots, path);
  const trash = scope.staging.trashFor(path);
  const isGone = onPath(path, () => orAbsent(path, () => (renameSync(path, trash), false)) ?? true);
  scope.ownWrites.record(path);
  if (!isGone) await deleteForGood([trash], signal);
}

/** Deletes paths of the trash or of staging. */
export async function deleteForGood(paths: readonly string[], signal: AbortSignal): Promise<void> {
  for (let start = 0; start < paths.length; start += pathsPerRun) {
    const some = paths.slice(start, start + pathsPerRun);
    await runProgram(['/bin/rm', '-rf', '--one-file-system', '--', ...some], { timeoutMs: deleteTimeoutMs }, signal);
  }
}
