import { Command, Option } from 'commander';
import type { Declare } from './declare.ts';

/** What is done with what a Database holds. */
export function databaseCommand(declare: Declare): Command {
  return new Command('db')
    .summary('dump, restore, copy and talk to databases')
    .addCommand(
      declare('dump <DATABASE> [FILE]', async (session, [name = '', file], options: UserOption) =>
        (await import('../db/dump.ts')).dumpDatabase(session, name, { ...options, file }),
      )
        .summary('write what a Database holds to a file, or to standard output: SQL, packed where the name ends in .gz')
        .addOption(user()),
    )
    .addCommand(
      declare('restore <DATABASE> <FILE>', async (session, [name = '', file = ''], options: UserOption) =>
        (await import('../db/restore.ts')).restoreDatabase(session, name, { ...options, file }),
      )
        .summary('put what a dump holds into a Database; - is standard input')
        .addOption(user()),
    )
    .addCommand(
      declare('clone <FROM> <TO>', async (session, [from = '', to = ''], options: never) =>
        (await import('../db/clone.ts')).cloneDatabase(session, from, to, options),
      )
        .summary('copy what a Database holds into another, which is made where there is none')
        .addOption(new Option('--timeout <duration>', 'wait no longer for a new one').default('2m')),
    )
    .addCommand(
      declare('shell <DATABASE>', async (session, [name = ''], options: UserOption) =>
        (await import('../db/shell.ts')).databaseShell(session, name, options),
      )
        .summary('talk to a Database by psql or mariadb, there where it is')
        .addOption(user()),
    )
    .addCommand(
      declare('web <DATABASE>', async (session, [name = ''], options: UserOption & { readonly open?: boolean }) =>
        (await import('../db/web.ts')).databaseWeb(session, name, options),
      )
        .summary('print an address by which a browser works with a Database: once, and within a minute')
        .addOption(user())
        .addOption(
          new Option('--open', 'open it in the browser of this desktop instead; without a display it is printed'),
        ),
    );
}

interface UserOption {
  readonly user?: string;
}

function user(): Option {
  return new Option('--user <name>', 'the DatabaseUser as which; the first one that owns it when absent');
}
