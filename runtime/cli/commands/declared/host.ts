import { Command } from 'commander';
import type { Declare } from './declare.ts';

/** One subcommand of `wcpctl host` a line. */
const subcommands: readonly ((declare: Declare) => Command)[] = [joinCommand];

/** Commands about the machines that serve. */
export function hostCommand(declare: Declare): Command {
  const host = new Command('host').summary('let machines join');
  for (const subcommand of subcommands) host.addCommand(subcommand(declare));
  return host;
}

function joinCommand(declare: Declare): Command {
  return declare('join-command <HOST>', async (session, [host = ''], options) =>
    (await import('../host/join-command.ts')).printJoinCommand(session, host, options),
  )
    .summary('print the command that makes a machine this host')
    .option('--ttl <duration>', 'how long the command can be used, ten minutes or more', '15m')
    .option('--server <url>', "where the machine reaches the API, when the kubeconfig's own address is for here only")
    .option('--rejoin', 'though a machine has joined by this name: another one, or the same one anew, takes its place');
}
