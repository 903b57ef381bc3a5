#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Terminal } from '#runtime/cli/io.ts';
import { runCli } from '#runtime/cli/program.ts';

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
// A reader such as `head` that goes away is no failure.
process.stdout.on('error', (err: NodeJS.ErrnoException) => process.exit(err.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  workingDirectory: process.cwd(),
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  isInteractive: process.stdin.isTTY,
  out: (written) => process.stdout.write(written),
  err: (written) => process.stderr.write(written),
  stdio: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, terminal: terminalOf(process) },
  readStdin: async () => text(process.stdin),
  runInteractive: async ([program = '', ...args]) =>
    new Promise((resolve, reject) => {
      spawn(program, args, { stdio: 'inherit' })
        .on('error', reject)
        .on('close', (code) => resolve(code ?? 1));
    }),
  restore: async (request) =>
    (await import('./restore.ts')).restoreFromFile(request, {
      environment: process.env,
      signal: interrupted.signal,
    }),
  signal: interrupted.signal,
});

function terminalOf({ stdin, stdout }: Pick<NodeJS.Process, 'stdin' | 'stdout'>): Terminal | undefined {
  if (!stdin.isTTY || !stdout.isTTY) return undefined;
  return {
    size: () => ({ columns: stdout.columns, rows: stdout.rows }),
    onResize: (changed) => {
      stdout.on('resize', changed);
      return () => void stdout.off('resize', changed);
    },
    setRaw: (raw) => void stdin.setRawMode(raw),
  };
}
