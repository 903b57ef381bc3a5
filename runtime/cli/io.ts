/** All that wcpctl knows of the process around it; the composition root fills it from the real one. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Width of the terminal in columns; undefined when stdout is none. */
  readonly columns: number | undefined;
  out(text: string): void;
  err(text: string): void;
  readStdin(): Promise<string>;
  /** Runs an interactive program on the terminal; its exit code. */
  runInteractive(argv: readonly string[]): Promise<number>;
  /** Stdin is a terminal: a person can be asked. */
  readonly isInteractive: boolean;
  /** Aborts on the first interrupt. */
  readonly signal: AbortSignal;
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
