import type { Command } from 'commander';
import type { Declare } from './declare.ts';

/** What flows to and from a Domain. */
export function streamCommands(declare: Declare): readonly Command[] {
  return [
    declare('logs <DOMAIN>', async (session, [name = ''], options) =>
      (await import('../logs.ts')).showLogs(session, name, options),
    )
      .summary("print a Domain's logs: requests, and errors of its PHP")
      .option('-f, --follow', 'go on with what is written from now on')
      .option('--since <duration>', 'only lines that are no older, for example 10m')
      .option('--tail <lines>', 'only so many lines from the end of each log')
      .option('--type <type>', 'access or error; both when absent'),
    declare('exec <DOMAIN> [COMMAND...]', async (session, words, options) =>
      (await import('../exec.ts')).execInDomain(session, words, options),
    )
      .summary('run a program as the tenant, in the directory of a Domain')
      .option('-i, --stdin', 'hand standard input on')
      .option('-t, --tty', 'join it to this terminal'),
    declare('cp <FROM> <TO>', async (session, [from = '', to = '']) =>
      (await import('../cp.ts')).copyFiles(session, from, to),
    )
      .summary("copy files into a Domain's directory or out of it: DOMAIN:PATH is a place there")
      .usage('[options] DOMAIN:PATH TO | FROM DOMAIN:PATH'),
  ];
}
