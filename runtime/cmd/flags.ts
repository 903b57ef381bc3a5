import { parseArgs } from 'node:util';
import { optionsOf, type ConfigOption } from '#runtime/config/options.ts';
import type { ConfigSources } from '#runtime/config/load.ts';
import type { ProgramConfig } from '#runtime/config/programs.ts';

/** Words on the command line that no program takes. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault';
}

/** What a program is given: where its settings come from. */
export interface ProgramArgs {
  readonly sources: ConfigSources;
  /** The text for `--help`, when that was asked. */
  readonly help: string | undefined;
}

/** One of wcpd's programs; loaded when it is called, so that the others cost nothing. The number is the exit code. */
export interface Program {
  readonly config: ProgramConfig;
  readonly load: () => Promise<(args: ProgramArgs) => Promise<number>>;
}

/** Reads `--flag value`, `--flag=value` and `--config FILE`; the schema of the program's settings says which flags there are. */
export function parseProgramArgs(program: Program, args: readonly string[]): ProgramArgs {
  const options = optionsOf(program.config);
  const { values } = parse(args, options);
  const flags = Object.fromEntries(options.map(({ field, flag }) => [field, values[flag.slice(2)]]));
  const file = values['config'];
  return {
    sources: { flags, environment: process.env, ...(typeof file === 'string' && { file }) },
    help: values['help'] === true ? programHelp(program.config, options) : undefined,
  };
}

function parse(
  args: readonly string[],
  options: readonly ConfigOption[],
): { readonly values: Readonly<Record<string, string | boolean | undefined>> } {
  const declared = Object.fromEntries(
    options.map(({ flag, schema }) => [
      flag.slice(2),
      { type: schema.type === 'boolean' ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  try {
    return parseArgs({
      args: [...args],
      options: { ...declared, config: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
      strict: true,
    }) as {
      readonly values: Readonly<Record<string, string | boolean | undefined>>;
    };
  } catch (err) {
    throw new UsageFault(err instanceof Error ? err.message : String(err));
  }
}

function programHelp(config: ProgramConfig, options: readonly ConfigOption[]): string {
  const lines = options.map(({ flag, schema, required }) => {
    const note = required
      ? ' (required)'
      : schema.default === undefined || schema.default === ''
        ? ''
        : ` (default: ${JSON.stringify(schema.default)})`;
    return `  ${flag.padEnd(36)} ${schema.description ?? ''}${note}`;
  });
  return [
    config.description,
    '',
    `  ${'--config'.padEnd(36)} A YAML file with these settings in camelCase; flags and WCPD_… variables win over it.`,
    ...lines,
  ].join('\n');
}

/** The programs and what each is. */
export function usage(programs: Readonly<Record<string, Program>>): string {
  const lines = Object.entries(programs).map(([name, { config }]) => `  ${name.padEnd(12)} ${config.description}`);
  return ['usage: wcpd PROGRAM [flags]; wcpd PROGRAM --help tells its flags', '', ...lines].join('\n');
}
