import type { Command } from 'commander';
import { shared, type Declare } from './declare.ts';

const applyCommand = (declare: Declare): Command =>
  declare('apply', async (session, _args, options) => (await import('../apply.ts')).apply(session, options))
    .summary('make objects what the files say')
    .description(
      "Applies files on the server's side (server-side apply). All documents are checked before the first is written.",
    )
    .addOption(shared.filename().makeOptionMandatory())
    .addOption(shared.recursive())
    .addOption(shared.dryRun())
    .addOption(shared.output())
    .addOption(shared.fieldManager())
    .option('--server-side', "always so; accepted for kubectl's sake")
    .option('--force-conflicts', 'take over fields of other managers')
    .option('--prune', 'delete what an earlier apply with the same inventory made and these files no longer hold')
    .option('--inventory <name>', 'with --prune: the ConfigMap that lists what was applied')
    .option('--wait', 'wait until everything is Ready, and say why the rest is not')
    .addOption(shared.timeout());

const deleteCommand = (declare: Declare): Command =>
  declare('delete [TYPE[/NAME]...]', async (session, args, options) =>
    (await import('../delete.ts')).remove(session, args, options),
  )
    .summary('delete objects')
    .addOption(shared.filename())
    .addOption(shared.recursive())
    .addOption(shared.selector())
    .addOption(shared.allNamespaces())
    .addOption(shared.dryRun())
    .addOption(shared.output())
    .addOption(shared.timeout())
    .option('--all', 'all objects of the type')
    .option('--ignore-not-found', 'exit 0 when an object is not there')
    .option('--cascade <how>', 'background, foreground or orphan', 'background')
    .option('--no-wait', 'do not wait until finalizers are done');

const editCommand = (declare: Declare): Command =>
  declare('edit [TYPE[/NAME]...]', async (session, args) => (await import('../edit.ts')).edit(session, args)).summary(
    'change an object in an editor',
  );

const patchCommand = (declare: Declare): Command =>
  declare('patch [TYPE[/NAME]...]', async (session, args, options) =>
    (await import('../patch.ts')).patch(session, args, options),
  )
    .summary('change some fields of an object')
    .option('-p, --patch <json>', 'the patch, JSON or YAML')
    .option('--patch-file <file>', 'a file that holds it')
    .option('--type <type>', 'json, merge or strategic', 'merge')
    .option('--subresource <name>', 'status')
    .addOption(shared.dryRun())
    .addOption(shared.output())
    .addOption(shared.fieldManager());

const markCommands = (declare: Declare): readonly Command[] =>
  (['label', 'annotate'] as const).map((verb) =>
    declare(`${verb} [TYPE[/NAME]...]`, async (session, args, options) =>
      (await import('../patch.ts')).mark(session, verb === 'label' ? 'labels' : 'annotations', args, options),
    )
      .summary(`set or remove ${verb === 'label' ? 'labels' : 'annotations'}: key=value, key-`)
      .option('--overwrite', 'replace values that are there')
      .addOption(shared.dryRun())
      .addOption(shared.output())
      .addOption(shared.fieldManager()),
  );

/** Commands that change objects. */
export function writeCommands(declare: Declare): readonly Command[] {
  return [
    applyCommand(declare),
    deleteCommand(declare),
    editCommand(declare),
    patchCommand(declare),
    ...markCommands(declare),
  ];
}
