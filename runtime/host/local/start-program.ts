import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { BugError, HostError } from '#runtime/base/errors.ts';
import type { RunningProgram, RunOptions } from '#runtime/host/host.ts';

/** Of what a program says of itself, so much is repeated. */
const wordsBytes = 2_048;

/** Starts a program with pipes: no shell, own environment only. It is killed when the signal aborts. */
export function startProgram(
  argv: readonly string[],
  { uid, gid = uid, environment = {} }: Pick<RunOptions, 'uid' | 'gid' | 'environment'>,
  signal: AbortSignal,
): RunningProgram {
  signal.throwIfAborted();
  const [program, ...args] = argv;
  if (program?.startsWith('/') !== true) throw new BugError(`"${program}" is not an absolute path of a program`);
  const child = spawn(program, args, {
    cwd: '/',
    env: { ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
    ...(uid === undefined ? {} : { uid, gid: gid ?? uid }),
  });
  child.on('error', () => undefined);
  if (child.pid === undefined) throw new HostError(`${program} could not be started`, { program });
  // A program that does not read what it is given ends the pipe: its exit code tells.
  child.stdin.on('error', () => undefined);
  const words = lastBytesOf(child.stderr);
  const ended = new Promise<void>((resolve, reject) => {
    child.on('close', (exitCode) => {
      if (exitCode === 0) return resolve();
      const said = words().trim().split('\n').slice(-3).join(' · ');
      const how = exitCode === null ? 'was ended' : `ended with ${exitCode}`;
      reject(
        new HostError(
          `${program} ${how}${said === '' ? '' : `: ${said}`}`,
          exitCode === null ? { program } : { program, exitCode },
        ),
      );
    });
  });
  // Whoever waits is told all the same.
  ended.catch(() => undefined);
  return { stdin: child.stdin, stdout: child.stdout, ended };
}

function lastBytesOf(stream: Readable): () => string {
  let bytes = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]).subarray(-wordsBytes);
  });
  return () => bytes.toString('utf8');
}
