import { destination, pino, type DestinationStream } from 'pino';
import { redactedMark, redactedPaths } from './redaction.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Facts of one line: `kind`, `namespace`, `name`, `reconcileId`, `driver`, `subject`, `durationMs`, `err` keep these names everywhere. */
export type LogFacts = Readonly<Record<string, unknown>>;

/**
 * Writes one JSON line per call. The message is constant and lower case; whatever varies is a fact.
 *
 * Guarantees: never throws, never blocks on a slow reader for longer than one write; values under the redacted paths are masked.
 */
export interface Logger {
  debug(facts: LogFacts, message: string): void;
  info(facts: LogFacts, message: string): void;
  warn(facts: LogFacts, message: string): void;
  error(facts: LogFacts, message: string): void;
  /** A logger whose lines all carry `facts`. */
  child(facts: LogFacts): Logger;
}

export interface LoggerOptions {
  /** The program, on every line as `program`. */
  readonly name: string;
  readonly level?: LogLevel;
  /** Where lines go; standard output when absent. */
  readonly write?: (line: string) => void;
}

/** A logger of its own; nothing global is configured. */
export function createLogger(options: LoggerOptions): Logger {
  const stream: DestinationStream = options.write === undefined ? standardOutput() : { write: options.write };
  return pino(
    {
      base: { program: options.name },
      level: options.level ?? 'info',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...redactedPaths], censor: redactedMark },
    },
    stream,
  );
}

/** Lines that wait while nothing can be written; more are dropped. */
const waitingBytes = 1024 * 1024;

/** A log that can not be written (the disk is full) must not end the program: what waits is written with the next line that can be. */
function standardOutput(): DestinationStream {
  const stream = destination({ dest: 1, maxLength: waitingBytes });
  stream.on('error', () => undefined);
  return stream;
}

/** Discards everything: for tests, and for programs that print for people. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
