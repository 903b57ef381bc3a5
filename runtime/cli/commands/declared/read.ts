import type { Command } from 'commander';
import { shared, type Declare } from './declare.ts';

const getCommand = (declare: Declare): Command =>
  declare('get [TYPE[/NAME]...]', async (session, args, options) =>
    (await import('../get.ts')).get(session, args, options),
  )
    .summary('show objects')
    .description('Shows one or many objects: wcpctl get domains; wcpctl get dom/shop -o yaml; wcpctl get hosting -A')
    .addOption(shared.output())
    .addOption(shared.allNamespaces())
    .addOption(shared.selector())
    .addOption(shared.filename())
    .addOption(shared.recursive())
    .option('--field-selector <fields>', 'field selector, for example status.host=web1')
    .option('-w, --watch', 'go on showing changes')
    .option('--watch-only', 'show changes only')
    .option('--show-labels', 'labels as the last column')
    .option('-L, --label-columns <keys>', 'these labels as columns')
    .option('--no-headers', 'without column heads')
    .option('--show-managed-fields', 'keep managedFields in yaml and json')
    .option('--ignore-not-found', 'exit 0 when an object is not there');

const describeCommand = (declare: Declare): Command =>
  declare('describe [TYPE[/NAME]...]', async (session, args, options) =>
    (await import('../describe.ts')).describe(session, args, options),
  )
    .summary('show an object with its conditions and events')
    .addOption(shared.selector())
    .addOption(shared.allNamespaces());

const eventsCommand = (declare: Declare): Command =>
  declare('events', async (session, _args, options) => (await import('../events.ts')).events(session, options))
    .summary('show what happened, oldest first')
    .addOption(shared.allNamespaces())
    .option('--for <object>', 'of one object only: TYPE/NAME')
    .option('--types <types>', 'Normal, Warning');

const explainCommand = (declare: Declare): Command =>
  declare('explain <PATH>', async (session, [path = ''], options) =>
    (await import('../explain.ts')).explain(session, path, options),
  )
    .summary('document a kind or a field')
    .description('Documents a kind or one of its fields: wcpctl explain domain.spec.php')
    .option('--recursive', 'the whole tree of fields');

const waitCommand = (declare: Declare): Command =>
  declare('wait [TYPE[/NAME]...]', async (session, args, options) =>
    (await import('../wait.ts')).wait(session, args, options),
  )
    .summary('wait for a condition')
    .requiredOption('--for <condition>', 'condition=TYPE[=STATUS], delete, create, jsonpath={PATH}[=VALUE]')
    .addOption(shared.timeout())
    .addOption(shared.selector())
    .addOption(shared.allNamespaces())
    .option('--all', 'all objects of the type');

const diffCommand = (declare: Declare): Command =>
  declare('diff', async (session, _args, options) => (await import('../diff.ts')).diff(session, options))
    .summary('show what an apply would change, down to the hosts')
    .description(
      'Shows what an apply would change in the objects, and what controllers and hosts would then do. Exit code 1 when there is a difference.',
    )
    .addOption(shared.filename().makeOptionMandatory())
    .addOption(shared.recursive())
    .addOption(shared.fieldManager())
    .option('--force-conflicts', 'take over fields of other managers')
    .option('--no-host-actions', 'compare the objects only');

/** Commands that only look. */
export function readCommands(declare: Declare): readonly Command[] {
  return [
    getCommand(declare),
    describeCommand(declare),
    eventsCommand(declare),
    explainCommand(declare),
    waitCommand(declare),
    diffCommand(declare),
  ];
}
