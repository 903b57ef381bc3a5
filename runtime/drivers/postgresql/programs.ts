import { sqlDumpEnds } from '#runtime/base/sql-dumps.ts';
import type { DatabaseLogin, DatabaseProgram, DatabaseWork } from '#runtime/drivers/databases/programs.ts';
import type { DumpForm } from '#runtime/drivers/databases/dump-intake.ts';
import { socketDirectory } from './render.ts';

/** Where the server and its programs are. */
interface PostgresqlPlace {
  readonly root: string;
  readonly programs: string;
}

/** One that dumps, restores or is talked to, as a login. What a session of a login makes belongs to the owners of its database. */
export function postgresqlProgram(
  { root, programs }: PostgresqlPlace,
  { database, username, password }: DatabaseLogin,
  work: DatabaseWork,
): DatabaseProgram {
  const variables = {
    PGHOST: socketDirectory(root),
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

/**
 * By one snapshot. Schemas are named so that neither what is ours inside, nor extensions come along: those are added by the settings of a Database. Owners and
 * grants are those of whoever restores.
 */
const dumpWords = [
  ...['--format=plain', '--no-password', '--blobs', '--no-owner', '--no-privileges', '--no-tablespaces'],
  ...['--schema=*', '--exclude-schema=pg_*', '--exclude-schema=information_schema', '--exclude-schema=wcp360'],
];

const restoreWords = ['--no-psqlrc', '--no-password', '--quiet', '--output=/dev/null', '--set=ON_ERROR_STOP=1'];

/** It is the administrator's, in every database. */
const ofPublic: Readonly<Record<string, string>> = {
  'CREATE SCHEMA public;\n': '\n',
  "COMMENT ON SCHEMA public IS 'standard public schema';\n": '\n',
};

/** What pg_dump of PostgreSQL 15 writes. */
export function postgresqlDumps(): DumpForm {
  let isBeforeData = true;
  return {
    end: sqlDumpEnds.PostgreSQL,
    // Not left to psql, which takes the end of a pipe that broke for the end of all.
    around: { first: 'BEGIN;\n', last: 'COMMIT;\n' },
    mapLine: (head) => {
      if (!isBeforeData) return undefined;
      if (/^(?:COPY|INSERT) /.test(head)) isBeforeData = false;
      return ofPublic[head];
    },
  };
}
