import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import type { Io } from '#runtime/cli/io.ts';
import { runCli } from '#runtime/cli/program.ts';

/** How wcpctl ended, and what it said. */
export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Place {
  readonly kubeconfig: string;
  /** Where it is started. */
  readonly directory?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs wcpctl in this process, as one that no person sits at. */
export async function runWcpctl(
  { kubeconfig, directory = tmpdir(), env = {}, stdin = '' }: Place,
  words: readonly string[],
): Promise<Answer> {
  const written = { out: '', err: '' };
  const io: Io = {
    env: { KUBECONFIG: kubeconfig, ...env },
    workingDirectory: directory,
    columns: undefined,
    isInteractive: false,
    stdio: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, terminal: undefined },
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    readStdin: async () => stdin,
    runInteractive: async ([program = '', ...args]) =>
      new Promise((resolve) => spawn(program, args, { stdio: 'ignore' }).on('close', (code) => resolve(code ?? 1))),
    restore: async () => Promise.reject(new Error('no store is restored here')),
    signal: new AbortController().signal,
  };
  return { code: await runCli(words, io), ...written };
}
