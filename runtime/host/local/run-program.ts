import type { ChildProcess } from 'node:child_process';
import { execa } from 'execa';
import { BugError, HostError } from '#runtime/base/errors.ts';
import type { RunOptions, RunResult } from '#runtime/host/host.ts';
import { killLeftOver, signalGroup } from './process-group.ts';

const defaultMaxBytes = 1024 * 1024;
/** How long a program that was told to stop may take before SIGKILL, and what it started may write on after its end. */
const killAfterMs = 2_000;

/** Runs a program to its end, and what it started to theirs: no shell, own environment only, bounded time and output. */
export async function runProgram(
  argv: readonly string[],
  options: RunOptions,
  signal: AbortSignal,
): Promise<RunResult> {
  signal.throwIfAborted();
  const [program, ...args] = argv;
  if (program?.startsWith('/') !== true) throw new BugError(`"${program}" is not an absolute path of a program`);
  const started = performance.now();
  const limit = AbortSignal.timeout(options.timeoutMs);
  const running = execa(program, args, execaOptions(options));
  const { result, isCutOff } = await bounded(running, AbortSignal.any([signal, limit]));
  signal.throwIfAborted();
  const facts = { program, durationMs: Math.round(performance.now() - started) };
  if (isCutOff) throw new HostError(`${program} took longer than ${options.timeoutMs} ms`, facts);
  if (result.isMaxBuffer) throw new HostError(`${program} wrote more than it may`, facts);
  const { exitCode } = result;
  if (exitCode === undefined) {
    throw new HostError(`${program} did not run to its end: ${result.shortMessage ?? 'killed'}`, facts, {
      cause: result,
    });
  }
  if (exitCode !== 0 && options.allowFailure !== true) {
    throw new HostError(`${program} ended with ${exitCode}: ${lastLines(result.stderr)}`, { ...facts, exitCode });
  }
  return { exitCode, stdout: result.stdout, stderr: result.stderr };
}

/**
 * Waits for its end, that is also for the end of what it wrote. All of its group is told to stop once the limit is reached, and killed then; who left the group is
 * not waited for.
 */
async function bounded<Result>(
  running: Promise<Result> & { readonly nodeChildProcess: ChildProcess },
  limit: AbortSignal,
): Promise<{ readonly result: Result; readonly isCutOff: boolean }> {
  const { nodeChildProcess: child } = running;
  let isCutOff = false;
  const timers: NodeJS.Timeout[] = [];
  const stop = (): void => {
    isCutOff = true;
    signalGroup(child, 'SIGTERM');
    const end = (): void => {
      killLeftOver(child);
      for (const pipe of child.stdio) pipe?.destroy();
    };
    timers.push(setTimeout(end, killAfterMs));
  };
  child.on('exit', () => timers.push(setTimeout(() => killLeftOver(child), killAfterMs)));
  limit.addEventListener('abort', stop);
  try {
    return { result: await running, isCutOff };
  } finally {
    limit.removeEventListener('abort', stop);
    for (const timer of timers) clearTimeout(timer);
    if (isCutOff) killLeftOver(child);
  }
}

function execaOptions(options: RunOptions) {
  return {
    shell: false,
    reject: false,
    stripFinalNewline: false,
    cwd: '/',
    env: { ...options.environment },
    extendEnv: false,
    input: options.input ?? '',
    encoding: options.encoding ?? 'utf8',
    maxBuffer: options.maxBytes ?? defaultMaxBytes,
    detached: true,
    forceKillAfterDelay: killAfterMs,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
  } as const;
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' · ').slice(0, 500);
}
