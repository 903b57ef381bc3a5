import { execa } from 'execa';
import { BugError, HostError } from '#runtime/base/errors.ts';
import type { RunOptions, RunResult } from '#runtime/host/host.ts';

const defaultMaxBytes = 1024 * 1024;
/** How long a program that was told to stop may take before SIGKILL. */
const killAfterMs = 2_000;

/** Runs a program to its end: no shell, own environment only, bounded time and output. */
export async function runProgram(
  argv: readonly string[],
  options: RunOptions,
  signal: AbortSignal,
): Promise<RunResult> {
  signal.throwIfAborted();
  const [program, ...args] = argv;
  if (program?.startsWith('/') !== true) throw new BugError(`"${program}" is not an absolute path of a program`);
  const started = performance.now();
  const result = await execa(program, args, execaOptions(options, signal));
  signal.throwIfAborted();
  const facts = { program, durationMs: Math.round(performance.now() - started) };
  if (result.timedOut) throw new HostError(`${program} took longer than ${options.timeoutMs} ms`, facts);
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

function execaOptions(options: RunOptions, signal: AbortSignal) {
  return {
    shell: false,
    reject: false,
    stripFinalNewline: false,
    cwd: '/',
    env: { ...options.environment },
    extendEnv: false,
    input: options.input ?? '',
    timeout: options.timeoutMs,
    encoding: options.encoding ?? 'utf8',
    maxBuffer: options.maxBytes ?? defaultMaxBytes,
    forceKillAfterDelay: killAfterMs,
    cancelSignal: signal,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
  } as const;
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' · ').slice(0, 500);
}
