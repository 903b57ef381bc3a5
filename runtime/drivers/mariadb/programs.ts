import { sqlDumpEnds } from '#runtime/base/sql-dumps.ts';
import type { DumpForm } from '#runtime/drivers/databases/dump-intake.ts';
import type { Administrator } from '#runtime/drivers/databases/server-host.ts';
import { identifier } from './statements.ts';
import type { DatabaseLogin, DatabaseProgram, DatabaseWork, ServerWay } from '#runtime/drivers/databases/programs.ts';

/** One that dumps, restores or is talked to, as a login. */
export function mariadbProgram(
  way: ServerWay,
  { database, username, password }: DatabaseLogin,
  work: DatabaseWork,
): DatabaseProgram {
  const login = loginWords(way, username);
  const variables = { MYSQL_PWD: password, MYSQL_HISTFILE: '/dev/null' };
  switch (work) {
    case 'dump':
      return { command: ['/usr/bin/mariadb-dump', ...login, ...dumpWords, database], variables };
    case 'restore':
      return { command: ['/usr/bin/mariadb', ...login, ...restoreWords, database], variables };
    case 'shell':
      return { command: ['/usr/bin/mariadb', ...login, database], variables };
  }
}

/** One that dumps all of a database as the administrator. */
export function mariadbDumper(
  way: ServerWay,
  { username, password }: Administrator,
  database: string,
): DatabaseProgram {
  const login = loginWords(way, username);
  return {
    command: ['/usr/bin/mariadb-dump', ...login, ...dumpWords, '--dump-history', database],
    variables: password === undefined ? {} : { MYSQL_PWD: password },
  };
}

/** By a socket nobody speaks TLS, which programs from 11.4 on insist on; who sends it on to a server elsewhere does. */
function loginWords({ socketDirectory, socketFile = 'mariadb.sock' }: ServerWay, username: string): readonly string[] {
  const place = [`--socket=${socketDirectory}/${socketFile}`, '--skip-ssl'];
  return ['--no-defaults', ...place, `--user=${username}`, '--default-character-set=utf8mb4'];
}

/** What it is given works with the server alone: with no file here, and no program. A client that knows of no sandbox does without. Comments are a part of routines. */
const restoreWords = ['--batch', '--skip-reconnect', '--local-infile=0', '--loose-sandbox', '--comments'];

/** By one snapshot, with all that nobody asks for by default; nothing that is there already is dropped for it. A routine that it may not see makes it fail. */
const dumpWords = [
  ...['--single-transaction', '--quick', '--skip-lock-tables', '--routines', '--triggers', '--hex-blob'],
  ...['--no-tablespaces', '--skip-add-drop-table', '--skip-add-locks', '--skip-dump-date'],
];

/** What mariadb-dump writes, and mysqldump. Who made a view, trigger or routine is whoever restores it: to name another takes more than any login has. */
export function mariadbDumps(): DumpForm {
  return {
    end: sqlDumpEnds.MariaDB,
    mapLine: (head) => {
      const found = definerClause.exec(head);
      return found === null ? undefined : `${found[1] ?? ''}DEFINER=CURRENT_USER${head.slice(found[0].length)}`;
    },
  };
}

/**
 * Of a database that is closed: a view whose definer may not read what it reads is shown with the database before its columns, and there alone; in a copy, that is
 * called otherwise.
 */
export function mariadbOwnDumps(database: string): DumpForm {
  const form = mariadbDumps();
  const before = Buffer.from(`${identifier(database)}.`).toString('latin1');
  return {
    ...form,
    longLines: viewLine,
    mapLine: (head) =>
      head.startsWith(viewLine)
        ? head.replaceAll(wordsOfView, (word, column) => (column === before ? '' : word))
        : form.mapLine(head),
  };
}

const viewLine = '/*!50001 VIEW ';

/** Text, a name that two others follow, any other name. */
const wordsOfView = /'(?:[^'\\]|\\.)*'|(`(?:[^`]|``)*`\.)(?=`(?:[^`]|``)*`\.`)|`(?:[^`]|``)*`/gs;

/** A name is quoted as the session had it that made the thing. */
const name = /(?:`(?:[^`]|``)*`|"(?:[^"]|"")*")/.source;

/** Data never begins a line so: line ends in it are escaped. */
const definerClause = new RegExp(`^((?:CREATE |/\\*!\\d{5,6} (?:CREATE\\*/ /\\*!\\d{5,6} )?))DEFINER=${name}@${name}`);
