import { sqlDumpEnds } from '#runtime/base/sql-dumps.ts';
import type { DumpForm } from '#runtime/drivers/databases/dump-intake.ts';
import type { DatabaseLogin, DatabaseProgram, DatabaseWork } from '#runtime/drivers/databases/programs.ts';
import { mariadbPaths } from './mariadb-settings.ts';

/** One that dumps, restores or is talked to, as a login. */
export function mariadbProgram(
  root: string,
  { database, username, password }: DatabaseLogin,
  work: DatabaseWork,
): DatabaseProgram {
  const login = ['--no-defaults', `--socket=${mariadbPaths(root).socket}`, `--user=${username}`, ...characters];
  const variables = { MYSQL_PWD: password, MYSQL_HISTFILE: '/dev/null' };
  switch (work) {
    case 'dump':
      return { command: ['/usr/bin/mariadb-dump', ...login, ...dumpWords, database], variables };
    case 'restore':
      return { command: ['/usr/bin/mariadb', ...login, '--batch', '--skip-reconnect', database], variables };
    case 'shell':
      return { command: ['/usr/bin/mariadb', ...login, database], variables };
  }
}

const characters = ['--default-character-set=utf8mb4'];

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

/** Data never begins a line so: line ends in it are escaped. */
const definerClause = /^((?:CREATE |\/\*!\d{5,6} (?:CREATE\*\/ \/\*!\d{5,6} )?))DEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*`/;
