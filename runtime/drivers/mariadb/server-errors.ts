import { HostError, RefusedError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';

/** What no other try will change: a name, character set or collation that the server does not know. */
const refusals: ReadonlySet<number> = new Set([
  1059, // ER_TOO_LONG_IDENT
  1102, // ER_WRONG_DB_NAME
  1115, // ER_UNKNOWN_CHARACTER_SET
  1253, // ER_COLLATION_CHARSET_MISMATCH
  1273, // ER_UNKNOWN_COLLATION
  1302, // ER_CONFLICTING_DECLARATIONS
  1470, // ER_WRONG_STRING_LENGTH
]);

/** ER_NO_SUCH_THREAD */
export const noSuchSession = 1094;

/** The server's number for what went wrong; `undefined` when that is no answer of the server. */
export function errorNumber(err: unknown): number | undefined {
  return isRecord(err) && typeof err['errno'] === 'number' && typeof err['sqlMessage'] === 'string'
    ? err['errno']
    : undefined;
}

/** In the server's own words, which may repeat a part of the statement; the error as it came, with all of the statement, goes no further. */
export function serverError(err: unknown): HostError | RefusedError {
  const number = errorNumber(err);
  if (number === undefined) return new HostError(`the connection to the database server broke: ${wordsOf(err)}`);
  const words = wordsOf(err);
  if (refusals.has(number)) return new RefusedError('DatabaseRefused', `The database server refuses: ${words}.`);
  return new HostError(`the database server answered ${number}: ${words}`);
}

function wordsOf(err: unknown): string {
  return (err instanceof Error ? err.message : String(err)).replaceAll(/\*[0-9A-F]{40}/g, '(hash)').slice(0, 500);
}
