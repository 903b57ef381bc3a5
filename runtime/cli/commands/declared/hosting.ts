import { Command, Option } from 'commander';
import { shared, type Declare } from './declare.ts';
import { databaseCommand } from './database.ts';
import { dnsCommand } from './dns.ts';
import { hostCommand } from './host.ts';
import { streamCommands } from './streams.ts';

/** Commands that hosting needs and kubectl does not have. */
export function hostingCommands(declare: Declare): readonly Command[] {
  return [
    new Command('tenant')
      .summary('suspend, resume, move, hand out access')
      .addCommand(
        declare('suspend <NAME>', async (session, [name = ''], options) =>
          (await import('../tenant.ts')).suspendTenant(session, name, options),
        )
          .summary('add a reason why a tenant is not served')
          .option('--by <actor>', 'who suspends', 'wcpctl')
          .option('--reason <reason>', 'Billing, Abuse, Quota, Security, Maintenance or Requested', 'Requested')
          .option('--message <sentence>', 'for the customer'),
      )
      .addCommand(
        declare('resume <NAME>', async (session, [name = ''], options) =>
          (await import('../tenant.ts')).resumeTenant(session, name, options),
        )
          .summary('take a reason off the list')
          .option('--by <actor>', 'whose reasons', 'wcpctl')
          .option('--reason <reason>', 'only this one')
          .option('--all', 'all reasons of everybody'),
      )
      .addCommand(
        declare('move <NAME> <HOST>', async (session, [name = '', host = ''], options) =>
          (await import('../tenant.ts')).moveTenant(session, { name, host }, options),
        )
          .summary('move a tenant to another host, with its files; tells how far it is')
          .option('--no-wait', 'return at once; it goes on by itself')
          .option('--timeout <duration>', 'wait no longer than this'),
      )
      .addCommand(
        declare('kubeconfig <NAME>', async (session, [name = ''], options) =>
          (await import('../tenant.ts')).tenantKubeconfig(session, name, options),
        )
          .summary("print a kubeconfig for the tenant's owner")
          .option('--duration <duration>', 'life of its token', '24h')
          .option('--service-account <name>', 'account in the namespace of the tenant', 'default'),
      ),
    sourceCommand(declare),
    certificateCommand(declare),
    databaseUserCommand(declare),
    hostCommand(declare),
    dnsCommand(declare),
    databaseCommand(declare),
    ...streamCommands(declare),
  ];
}

function certificateCommand(declare: Declare): Command {
  const timeout = (): Option => new Option('--timeout <duration>', 'wait no longer than this').default('2m');
  return new Command('certificate')
    .summary('get the next certificate now, or revoke one')
    .addCommand(
      declare('renew <NAME>', async (session, [name = ''], options) =>
        (await import('../certificate.ts')).renewCertificate(session, name, options),
      )
        .summary('get the next one now; the one before serves until that is there')
        .option('--no-wait', 'return at once; it goes on by itself')
        .addOption(timeout()),
    )
    .addCommand(
      declare('revoke <NAME>', async (session, [name = ''], options) =>
        (await import('../certificate.ts')).revokeCertificate(session, name, options),
      )
        .summary('have everybody told not to trust it, and get another one with another key')
        .addOption(
          new Option('--reason <reason>', 'what the CA is told')
            .choices(['keyCompromise', 'superseded', 'affiliationChanged', 'cessationOfOperation', 'unspecified'])
            .default('unspecified'),
        )
        .option('--no-wait', 'return at once; it goes on by itself')
        .addOption(timeout()),
    );
}

function databaseUserCommand(declare: Declare): Command {
  return new Command('databaseuser').summary('have another password made').addCommand(
    declare('rotate <NAME>', async (session, [name = ''], options) =>
      (await import('../database-user.ts')).rotatePassword(session, name, options),
    )
      .summary('have another password made; the one before works for the grace period')
      .option('--no-wait', 'return at once; it goes on by itself')
      .addOption(new Option('--timeout <duration>', 'wait no longer than this').default('2m')),
  );
}

function sourceCommand(declare: Declare): Command {
  const setSuspended = (verb: string, suspend: boolean): Command =>
    declare(`${verb} <NAME>`, async (session, [name = '']) =>
      (await import('../source.ts')).setSuspended(session, name, suspend),
    );
  return new Command('source')
    .summary('look at a directory or a repository now, suspend, resume')
    .addCommand(
      declare('reconcile <NAME>', async (session, [name = ''], options) =>
        (await import('../source.ts')).reconcileSource(session, name, options),
      )
        .summary('look at it now, and say what came of it')
        .addOption(shared.timeout()),
    )
    .addCommand(setSuspended('suspend', true).summary('leave everything as it is, whatever is found there'))
    .addCommand(setSuspended('resume', false).summary('go on'));
}
