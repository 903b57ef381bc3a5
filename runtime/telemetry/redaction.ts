/**
 * Paths (in the notation of the log library) whose values never reach a log line, wherever an object is logged.
 * A value that could hold a secret under another name must not be logged at all.
 */
export const redactedPaths: readonly string[] = [
  'authorization',
  'password',
  'passphrase',
  'token',
  'data',
  'stringData',
  'headers.authorization',
  'headers.cookie',
  '*.authorization',
  '*.password',
  '*.token',
  '*.data',
  '*.stringData',
];

/** What stands in place of a redacted value. */
export const redactedMark = '(secret)';
