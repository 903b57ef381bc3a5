import { execFile } from 'node:child_process';

/** Longer than anything waits that is run here. */
const usualTimeoutMs = 300_000;

/** What a program left. */
export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is run. */
export interface RunOptions {
  /** Its stdin; what a program does not read of it is dropped. */
  readonly input?: string;
  readonly cwd?: string;
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a program to its end; half a shell's word for how it ended. Never rejects for a bad exit code. */
export function run([program = '', ...args]: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      {
        timeout: options.timeoutMs ?? usualTimeoutMs,
        maxBuffer: 64 << 20,
        env: { ...process.env, ...options.env },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      },
      (err, stdout, stderr) => {
        const exitCode = err === null ? 0 : typeof err.code === 'number' ? err.code : -1;
        resolve({ exitCode, stdout, stderr });
      },
    );
    // It may end before it has read all, or any, of its input.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}
