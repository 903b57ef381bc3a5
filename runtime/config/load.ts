import { parseDocument } from 'yaml';
import { InvalidError, type FieldFault } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { compileValidator } from '#runtime/validation/json-schema.ts';
import type { Schema, TypeOf } from '#schemas/meta/schema.ts';
import { readText } from './files.ts';
import { optionsOf, type ConfigOption } from './options.ts';
import type { ProgramConfig } from './programs.ts';

/** Where settings come from; the first one that has a setting wins: flags, environment, file, defaults. */
export interface ConfigSources {
  /** By field (`etcdServers`); a flag that was not given is `undefined`. */
  readonly flags?: Readonly<Record<string, string | boolean | number | readonly string[] | undefined>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** A YAML file with one mapping; must be there when named. */
  readonly file?: string;
}

/**
 * The settings of one program, checked and frozen. A reload is another call, which gives another value.
 *
 * In flags and variables a list is written with commas; an empty variable counts as absent.
 * Errors: InvalidError that names every faulty setting and where it came from; an unknown field of the file is one, an unknown variable is not.
 */
export async function loadConfig<const C extends ProgramConfig>(config: C, sources: ConfigSources): Promise<TypeOf<C>> {
  const options = optionsOf(config);
  const fromFile = sources.file === undefined ? {} : await readFileSettings(sources.file, options);
  const merged: Record<string, unknown> = {};
  const origins = new Map<string, string>();
  for (const option of options) {
    const found = settingOf(option, sources, fromFile);
    if (found === undefined) continue;
    merged[option.field] = found.value;
    origins.set(option.field, found.origin);
  }
  const faults = compileValidator(config as unknown as Readonly<Record<string, unknown>>)(merged);
  if (faults.length > 0) throw invalid(faults, origins, options);
  return deepFrozen(merged) as TypeOf<C>;
}

interface Setting {
  readonly value: unknown;
  readonly origin: string;
}

function settingOf(
  option: ConfigOption,
  sources: ConfigSources,
  fromFile: Readonly<Record<string, unknown>>,
): Setting | undefined {
  const flag = sources.flags?.[option.field];
  if (flag !== undefined) return { value: typed(flag, option.schema), origin: option.flag };
  const variable = sources.environment?.[option.variable];
  if (variable !== undefined && variable !== '') {
    return { value: typed(variable, option.schema), origin: option.variable };
  }
  const value = fromFile[option.field];
  if (value !== undefined) return { value, origin: sources.file ?? '' };
  return option.schema.default === undefined ? undefined : { value: option.schema.default, origin: 'the default' };
}

/** Text as the type that the schema wants; text that is none of it stays as it is, for the validator to refuse. */
function typed(value: string | boolean | number | readonly string[], schema: Schema): unknown {
  const parse = schema.type === undefined ? undefined : parsers[schema.type];
  return typeof value === 'string' && parse !== undefined ? parse(value) : value;
}

const numberFrom = (text: string): unknown => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text);
const booleans: Readonly<Record<string, boolean>> = { true: true, false: false };

const parsers: Partial<Readonly<Record<NonNullable<Schema['type']>, (text: string) => unknown>>> = {
  integer: numberFrom,
  number: numberFrom,
  boolean: (text) => booleans[text] ?? text,
  array: (text) => (text === '' ? [] : text.split(',').map((part) => part.trim())),
};

async function readFileSettings(
  path: string,
  options: readonly ConfigOption[],
): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(path);
  const refuse = (field: string, message: string) => {
    const fault = { field, reason: 'FieldValueInvalid', message };
    return new InvalidError(`${path}: ${field === '' ? '' : `${field}: `}${message}`, [fault]);
  };
  if (text === undefined) throw refuse('', 'the configuration file is not there');
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw refuse('', error.message);
  const value: unknown = document.toJS() ?? {};
  if (!isRecord(value)) throw refuse('', 'a mapping of settings is expected');
  const unknown = Object.keys(value).find((field) => !options.some((option) => option.field === field));
  if (unknown !== undefined) throw refuse(unknown, 'no setting has this name');
  return value;
}

function invalid(
  faults: readonly FieldFault[],
  origins: ReadonlyMap<string, string>,
  options: readonly ConfigOption[],
): InvalidError {
  const lines = faults.map(({ field, message }) => {
    const top = field.split(/[.[]/, 1)[0] ?? '';
    const option = options.find((candidate) => candidate.field === top);
    const origin = origins.get(top);
    if (origin !== undefined) return `${field}: ${message} (from ${origin})`;
    return option === undefined
      ? `${field}: ${message}`
      : `${field}: ${message} (${option.flag} or ${option.variable})`;
  });
  return new InvalidError(`the configuration is not valid: ${lines.join('; ')}`, faults);
}

function deepFrozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFrozen(part);
  return Object.freeze(value);
}
