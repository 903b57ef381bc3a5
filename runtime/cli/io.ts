import type { Readable, Writable } from 'node:stream';
import type { SnapshotSummary } from '#runtime/snapshot/format.ts';

/** The terminal that a person sits at. */
export interface Terminal {
  size(): { readonly columns: number; readonly rows: number };
  /** Calls back when it has another size; the result ends that. */
  onResize(changed: () => void): () => void;
  /** Keys reach the program as they are typed. */
  setRaw(raw: boolean): void;
}

/** What a stream of another machine is joined to, byte by byte. */
export interface Stdio {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Undefined unless stdin and stdout are one. */
  readonly terminal: Terminal | undefined;
}

/** All that wcpctl knows of the process around it; the composition root fills it from the real one. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Width of the terminal in columns; undefined when stdout is none. */
  readonly columns: number | undefined;
  out(text: string): void;
  err(text: string): void;
  readStdin(): Promise<string>;
  readonly stdio: Stdio;
  /** Runs an interactive program on the terminal; its exit code. */
  runInteractive(argv: readonly string[]): Promise<number>;
  /** Puts a snapshot into a store without a server, the one thing for which there is none to ask yet. */
  restore(request: RestoreRequest): Promise<SnapshotSummary>;
  /** Stdin is a terminal: a person can be asked. */
  readonly isInteractive: boolean;
  /** Aborts on the first interrupt. */
  readonly signal: AbortSignal;
}

/** Absolute paths. */
export interface RestoreRequest {
  readonly snapshot: string;
  /** Settings of the server that will use the store; those of an installed one when absent. */
  readonly config: string | undefined;
}

/** What went wrong with the words on the command line, and how to go on. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Ends the command with this exit code without another word. */
export class ExitCode extends Error {
  override readonly name = 'ExitCode';
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}
