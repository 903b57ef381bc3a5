import { randomBytes } from 'node:crypto';
import { sqlDumpEnds } from '#runtime/base/sql-dumps.ts';
import type { DatabaseLogin, DatabaseProgram, DatabaseWork, ServerWay } from '#runtime/drivers/databases/programs.ts';
import type { DumpForm } from '#runtime/drivers/databases/dump-intake.ts';
import type { Administrator } from '#runtime/drivers/databases/server-host.ts';

/** Where the server and the programs are. */
interface PostgresqlPlace {
  readonly way: ServerWay;
  readonly programs: string;
}

/** One that dumps, restores or is talked to, as a login. What a session of a login makes belongs to the owners of its database. */
export function postgresqlProgram(
  { way, programs }: PostgresqlPlace,
  { database, username, password }: DatabaseLogin,
  work: DatabaseWork,
): DatabaseProgram {
  const variables = {
    PGHOST: way.socketDirectory,
    PGDATABASE: database,
    PGUSER: username,
    PGPASSWORD: password,
    PGCLIENTENCODING: 'UTF8',
    PSQL_HISTORY: '/dev/null',
  };
  switch (work) {
    case 'dump':
      return { command: [`${programs}/pg_dump`, ...dumpWords], variables };
    case 'restore':
      return { command: [`${programs}/psql`, ...restoreWords], variables };
    case 'shell':
      return { command: [`${programs}/psql`, '--no-psqlrc'], variables };
  }
}

/** One that dumps all of a database as the administrator. It waits for nobody's lock for long. */
export function postgresqlDumper(
  { way, programs }: PostgresqlPlace,
  { username, password }: Administrator,
  database: string,
): DatabaseProgram {
  return {
    command: [`${programs}/pg_dump`, ...dumpWords, '--lock-wait-timeout=60s'],
    variables: {
      PGHOST: way.socketDirectory,
      PGDATABASE: database,
      PGUSER: username,
      ...(password === undefined ? {} : { PGPASSWORD: password }),
      PGCLIENTENCODING: 'UTF8',
    },
  };
}

/**
 * By one snapshot. Schemas are named so that neither what is ours inside, nor extensions come along: those are added by the settings of a Database. Owners and
 * grants are those of whoever restores.
 */
const dumpWords = [
  ...['--format=plain', '--no-password', '--blobs', '--no-owner', '--no-privileges', '--no-tablespaces'],
  ...['--schema=*', '--exclude-schema=pg_*', '--exclude-schema=information_schema', '--exclude-schema=wcp360'],
];

const restoreWords = ['--no-psqlrc', '--no-password', '--quiet', '--output=/dev/null', '--set=ON_ERROR_STOP=1'];

/** Schema `public` is the administrator's, in every database; and newer programs say what older servers do not understand. */
const leftOut: Readonly<Record<string, string>> = {
  'SET transaction_timeout = 0;\n': '\n',
  'CREATE SCHEMA public;\n': '\n',
  "COMMENT ON SCHEMA public IS 'standard public schema';\n": '\n',
};

/**
 * What pg_dump writes, from that of PostgreSQL 15 on. psql is told, by a word that nobody knows beforehand, to take no command for itself from it: no program, no file of this
 * machine. Where the dump says so too, that is left out, since it would be such a command.
 */
export function postgresqlDumps(): DumpForm {
  let [isAtBeginning, isBeforeData] = [true, true];
  let restriction: string | undefined;
  return {
    end: sqlDumpEnds.PostgreSQL,
    // Not left to psql, which takes the end of a pipe that broke for the end of all.
    around: { first: `\\restrict ${randomBytes(24).toString('hex')}\nBEGIN;\n`, last: 'COMMIT;\n' },
    mapLine: (head) => {
      if (restriction !== undefined && head.trimEnd() === `\\unrestrict ${restriction}`) return '\n';
      if (!isBeforeData) return undefined;
      if (isAtBeginning && !/^(?:--|\n)/.test(head)) {
        isAtBeginning = false;
        restriction = /^\\restrict (\w+)\n$/.exec(head)?.[1];
        if (restriction !== undefined) return '\n';
      }
      if (/^(?:COPY|INSERT) /.test(head)) isBeforeData = false;
      return leftOut[head];
    },
  };
}
