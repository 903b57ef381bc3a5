import { Command } from 'commander';
import type { Declare } from './declare.ts';

/** One subcommand of `wcpctl host` a line. */
const subcommands: readonly ((declare: Declare) => Command)[] = [joinCommand, cordon, uncordon, drain, lost, confirm];

/** Commands about the machines that serve. */
export function hostCommand(declare: Declare): Command {
  const host = new Command('host').summary('let machines join, and decide about those that did');
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

function cordon(declare: Declare): Command {
  return declare('cordon <HOST>', async (session, [host = '']) =>
    (await import('../host/decide.ts')).setSchedulable(session, host, false),
  ).summary('take no new tenants; those that are there stay');
}

function uncordon(declare: Declare): Command {
  return declare('uncordon <HOST>', async (session, [host = '']) =>
    (await import('../host/decide.ts')).setSchedulable(session, host, true),
  ).summary('take tenants again, and stop moving those that are there');
}

function drain(declare: Declare): Command {
  return declare('drain <HOST>', async (session, [host = ''], options) =>
    (await import('../host/decide.ts')).drainHost(session, host, options),
  )
    .summary('move all tenants to other hosts, with their files, a few at a time; tells how far it is')
    .option('--no-wait', 'return at once; it goes on by itself')
    .option('--timeout <duration>', 'wait no longer than this');
}

function lost(declare: Declare): Command {
  return declare('lost <HOST>', async (session, [host = ''], options) =>
    (await import('../host/decide.ts')).declareLost(session, host, options),
  )
    .summary('declare a machine gone for good: its tenants are placed elsewhere')
    .option('--yes', 'though what only this machine held is given up')
    .option('--undo', 'take the word back; what was placed elsewhere stays there');
}

function confirm(declare: Declare): Command {
  return declare('confirm <HOST> <WORD>', async (session, [host = '', word = '']) =>
    (await import('../host/decide.ts')).confirmAlarm(session, host, word),
  ).summary('what the alarm of a host tells of is meant; the word stands in the alarm');
}
