import { Command } from 'commander';
import { shared, type Declare } from './declare.ts';

/** Commands about the server and about wcpctl itself. */
export function clusterCommands(declare: Declare, program: () => Command): readonly Command[] {
  return [
    declare('api-resources', async (session, _args, options) =>
      (await import('../api-resources.ts')).apiResources(session, options),
    )
      .summary('list the kinds that the server knows')
      .addOption(shared.output())
      .option('--api-group <group>', 'of this group only')
      .option('--namespaced <boolean>', 'true or false')
      .option('--no-headers', 'without column heads'),
    new Command('auth')
      .summary('look at rights')
      .addCommand(
        declare('can-i [VERB] [TYPE[/NAME]] [NAME]', async (session, args, options) =>
          (await import('../auth.ts')).canI(session, args, options),
        )
          .summary('say whether an action is allowed')
          .option('--list', 'all that is allowed in the namespace')
          .option('-q, --quiet', 'only the exit code')
          .option('--subresource <name>', 'such as status')
          .addOption(shared.allNamespaces()),
      )
      .addCommand(
        declare('whoami', async (session) => (await import('../auth.ts')).whoAmI(session)).summary(
          'say who the server takes you for',
        ),
      ),
    snapshotCommand(declare),
    declare('version', async (session, _args, options) => (await import('../version.ts')).version(session, options))
      .summary('show versions')
      .option('--client', 'of wcpctl only; asks no server')
      .option('-o, --output <format>', 'json'),
    declare('completion <SHELL>', async (session, [shell = '']) =>
      (await import('../completion.ts')).completionScript(session.io, shell),
    ).summary('print the completion script for bash, zsh or fish'),
    declare('__complete [WORDS...]', async (session, args) =>
      (await import('../completion.ts')).complete(session, program(), args),
    ).allowUnknownOption(),
  ];
}

function snapshotCommand(declare: Declare): Command {
  return new Command('snapshot')
    .summary('back up the store, look at a backup, restore it')
    .addCommand(
      declare('save <FILE>', async (session, [file = '']) =>
        (await import('../snapshot.ts')).saveSnapshot(session, file),
      ).summary('write everything that the server stores into a file'),
    )
    .addCommand(
      declare('status <FILE>', async (session, [file = '']) =>
        (await import('../snapshot.ts')).snapshotStatus(session.io, file),
      ).summary('check a file, and tell what is in it; asks no server'),
    )
    .addCommand(
      declare('restore <FILE>', async (session, [file = ''], options) =>
        (await import('../snapshot.ts')).restoreSnapshot(session.io, file, options),
      )
        .summary('put a file into an empty etcd, where no server runs yet')
        .option('--config <file>', "the server's settings instead of those in /etc/wcp360"),
    );
}
