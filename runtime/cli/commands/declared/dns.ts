import { Command, Option } from 'commander';
import type { Declare } from './declare.ts';

/** One subcommand of `wcpctl dns` a line. */
const subcommands: readonly ((declare: Declare) => Command)[] = [records, check];

/** Commands about zones and what is in them. */
export function dnsCommand(declare: Declare): Command {
  const dns = new Command('dns').summary('look at what name servers answer, and at what the registrar has to know');
  for (const subcommand of subcommands) dns.addCommand(subcommand(declare));
  return dns;
}

function records(declare: Declare): Command {
  return declare('records <ZONE>', async (session, [zone = ''], options) =>
    (await import('../dns/records.ts')).showRecords(session, zone, options),
  )
    .summary('list what the name server answers, where it comes from, and what is declared but not answered')
    .addOption(server())
    .addOption(json());
}

function check(declare: Declare): Command {
  return declare('check <DOMAIN>', async (session, [domain = ''], options) =>
    (await import('../dns/check.ts')).checkDomain(session, domain, options),
  )
    .summary('say whether the world finds a Domain or a Zone, and what to change at the registrar')
    .description(
      'Asks whether a Domain or a Zone is delegated to its name servers, whether each of them answers what is declared, whether the DS of the zone above fits, whether CAA allows the CA, and whether addresses point here. Exit code 1 where something is wrong.',
    )
    .addOption(server())
    .option('--ca <name>', 'by which name CAA records know the CA, such as letsencrypt.org')
    .addOption(json());
}

function server(): Option {
  return new Option(
    '--server <address[:port]>',
    'whom to ask, a resolver, or a name server that is not public yet; $WCP360_DNS or the resolver of this machine when absent',
  );
}

function json(): Option {
  return new Option('-o, --output <format>', 'table or json').choices(['table', 'json']);
}
