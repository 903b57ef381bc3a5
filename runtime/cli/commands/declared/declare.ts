import { Option, type Command } from 'commander';
import type { Session } from '#runtime/cli/session.ts';

/** Makes a command from `name <argument> [argument]` and what it does. `options` are as declared on it. */
export type Declare = (
  words: string,
  run: (session: Session, args: readonly string[], options: never) => Promise<void>,
) => Command;

/** Options that several commands share, in kubectl's words. */
export const shared = {
  filename: (): Option => new Option('-f, --filename <file...>', 'file, directory, https URL, or - for standard input'),
  recursive: (): Option => new Option('-R, --recursive', 'descend into the directories of -f'),
  selector: (): Option => new Option('-l, --selector <labels>', 'label selector, for example app=shop,tier!=test'),
  allNamespaces: (): Option => new Option('-A, --all-namespaces', 'all namespaces'),
  output: (): Option =>
    new Option('-o, --output <format>', 'table, wide, yaml, json, name, jsonpath=TEMPLATE, custom-columns=SPEC'),
  dryRun: (): Option =>
    new Option('--dry-run [how]', 'only show what would be done')
      .choices(['none', 'server', 'client'])
      .preset('server'),
  timeout: (): Option => new Option('--timeout <duration>', 'how long to wait, for example 90s'),
  fieldManager: (): Option =>
    new Option('--field-manager <name>', 'name under which the server notes who owns a field'),
} as const;
