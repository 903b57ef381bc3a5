import type { RunOptions, RunResult } from '#runtime/host/host.ts';
import type { Workspace } from '#runtime/host/workspace.ts';
import { environmentOf, type GitSetting } from './setting.ts';

/** Runs one Git command in the setting of a look, on its bare repository. */
export type Git = (args: readonly string[], options?: Partial<RunOptions>) => Promise<RunResult>;

/** For what is asked of the other side, or of a repository that is here. */
export const askTimeoutMs = 30_000;
const maxMemoryBytes = 4 * 1024 * 1024 * 1024;

/** No file that Git or a program of its may write is larger than `maxFetchBytes`, so neither is what a repository makes us fetch. */
export function gitOf(
  workspace: Workspace,
  setting: GitSetting,
  { maxFetchBytes, signal }: { readonly maxFetchBytes: number; readonly signal: AbortSignal },
): Git {
  const environment = environmentOf(setting);
  const bounds = ['/usr/bin/prlimit', `--fsize=${maxFetchBytes}`, `--as=${maxMemoryBytes}`, '--core=0', '--'];
  const git = [...bounds, '/usr/bin/git', `--git-dir=${setting.directory}/repository.git`];
  return async (args, options = {}) =>
    await workspace.run([...git, ...args], { timeoutMs: askTimeoutMs, environment, ...options }, signal);
}
