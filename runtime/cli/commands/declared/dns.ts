import { Command, Option } from 'commander';
import { shared, type Declare } from './declare.ts';

/** One subcommand of `wcpctl dns` a line. */
const subcommands: readonly ((declare: Declare) => Command)[] = [records, check, verify, exportZone, importZone];

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

function verify(declare: Declare): Command {
  return declare('verify <DOMAIN>', async (session, [domain = ''], options) =>
    (await import('../dns/verify.ts')).verifyNames(session, domain, options),
  )
    .summary('have the DNS looked at now for records that show that names are yours, and list those that are missing')
    .option('--timeout <duration>', 'how long to wait for the answer', '5s');
}

function exportZone(declare: Declare): Command {
  return declare('export <ZONE>', async (session, [zone = ''], options) =>
    (await import('../dns/export.ts')).exportZone(session, zone, options),
  )
    .summary("print what the name server answers as a zone file in BIND's format")
    .addOption(server());
}

function importZone(declare: Declare): Command {
  return declare('import <ZONE>', async (session, [zone = ''], options) =>
    (await import('../dns/import.ts')).importZone(session, zone, options),
  )
    .summary("declare what a zone file in BIND's format holds, as other panels export it")
    .description(
      'Declares the records of a zone file as DNSRecords of a Zone. The server makes SOA, DNSSEC and the NS of the zone itself: they are left out. Nothing is written when a line says what cannot be declared. Records that are not in the file stay.',
    )
    .requiredOption('-f, --filename <file>', 'the file, or - for standard input')
    .addOption(shared.dryRun())
    .addOption(shared.fieldManager())
    .option('--force-conflicts', 'take over fields of other managers');
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
