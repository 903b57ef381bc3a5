import { Ajv, type ValidateFunction } from 'ajv';
import type { FieldFault } from '#runtime/base/errors.ts';
import { countNodes } from './node-count.ts';
import { faultsOf, type LocatedFault } from './fault-words.ts';
import { formatCheck } from './formats.ts';
import { compilePattern } from './pattern.ts';
import { isRawNumber, withPlainNumbers } from './raw-numbers.ts';

/** A JSON Schema (draft 7) as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface ValidatorOptions {
  /** Most faults that are told; the rest would be of no use to anybody. */
  readonly maxFaults?: number;
}

/** Says what is wrong with a value; empty when nothing is. Throws for no JSON value, however large. */
export type Validator = (value: unknown) => readonly FieldFault[];

/** As Validator, with the place of each fault as keys and indexes. */
export type LocatingValidator = (value: unknown) => readonly LocatedFault[];

const DEFAULT_MAX_FAULTS = 50;

/** Above this many parts a faulty value gets its first fault only: one error object for each of a million parts is an attack of its own. */
const MAX_NODES_FOR_ALL_FAULTS = 20_000;

const re2 = Object.assign(
  (source: string): { test: (text: string) => boolean; source: string; toString: () => string } => {
    const pattern = compilePattern(source);
    // ajv tells patterns apart by their text form: without one, all patterns of a schema would be the first.
    return { test: pattern.test, source, toString: () => source };
  },
  { code: 're2' },
);

const settings = {
  strict: false,
  meta: false,
  validateSchema: false,
  addUsedSchema: false,
  ownProperties: true,
  verbose: true,
  logger: false,
  multipleOfPrecision: 9,
  // The optimizer doubles the time of compiling and changes nothing measurable in checking.
  code: { regExp: re2, optimize: false },
} as const;

const compiled = new WeakMap<JsonSchema, LocatingValidator>();

/**
 * A validator for a schema in plain JSON Schema. Compiled when it is first used and kept as long as the schema value lives. Patterns are
 * RE2; formats are those that Kubernetes enforces, others are ignored. Faults are in Kubernetes' words with paths such as `spec.aliases[1]`.
 */
export function compileValidator(schema: JsonSchema, options: ValidatorOptions = {}): Validator {
  const locate = compileLocatingValidator(schema, options);
  return (value) => locate(value).map(({ fault }) => fault);
}

/** As compileValidator, for callers that need to find the faulty part again. */
export function compileLocatingValidator(schema: JsonSchema, options: ValidatorOptions = {}): LocatingValidator {
  const known = options.maxFaults === undefined ? compiled.get(schema) : undefined;
  if (known !== undefined) return known;
  const validator = build(schema, options.maxFaults ?? DEFAULT_MAX_FAULTS);
  if (options.maxFaults === undefined) compiled.set(schema, validator);
  return validator;
}

function build(schema: JsonSchema, maxFaults: number): LocatingValidator {
  let quick: ValidateFunction | undefined;
  let thorough: ValidateFunction | undefined;
  return (value) => {
    quick ??= compileWith(schema, false);
    if (quick(value)) return [];
    const plain = withPlainNumbers(value);
    if (plain !== value && quick(plain)) return [];
    const firstErrors = quick.errors ?? [];
    quick.errors = null;
    if (countNodes(plain, MAX_NODES_FOR_ALL_FAULTS) >= MAX_NODES_FOR_ALL_FAULTS)
      return faultsOf(plain, firstErrors, maxFaults);
    thorough ??= compileWith(schema, true);
    thorough(plain);
    const errors = thorough.errors ?? firstErrors;
    thorough.errors = null;
    return faultsOf(plain, errors, maxFaults);
  };
}

/**
 * An instance for each schema: ajv keeps everything that it ever compiled, and definitions come and go. A new one takes 0.3 ms.
 * `isMap: true` beside `type: object` refuses numbers that keep their text, which JavaScript takes for objects. No JSON Schema has it;
 * whoever translates one for objects from the wire adds it.
 */
function compileWith(schema: JsonSchema, allErrors: boolean): ValidateFunction {
  const ajv = new Ajv({ ...settings, allErrors });
  ajv.addKeyword({
    keyword: 'isMap',
    type: 'object',
    errors: false,
    validate: (_isMap: unknown, value: object) => !isRawNumber(value),
  });
  addFormats(ajv, schema);
  return ajv.compile(schema);
}

function addFormats(ajv: Ajv, schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    if (key !== 'format' || typeof value !== 'string') addFormats(ajv, value);
    else if (ajv.formats[value] === undefined) ajv.addFormat(value, formatOf(value));
  }
}

function formatOf(name: string): Parameters<Ajv['addFormat']>[1] {
  if (name === 'int32') return { type: 'number', validate: (value: number) => value >= -(2 ** 31) && value < 2 ** 31 };
  return formatCheck(name) ?? true;
}
