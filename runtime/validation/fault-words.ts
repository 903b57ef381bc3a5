import type { ErrorObject } from 'ajv';
import type { FieldFault } from '#runtime/base/errors.ts';
import { invalid, notSupported, requiredValue, tooLong, tooMany, typeInvalid, typeNameOf } from './faults.ts';
import { childPath, fieldPath, segmentsOf, type FieldSegments } from './field-path.ts';

/** A fault with the place of the part whose schema it breaks (for a missing field, the object that lacks it). */
export interface LocatedFault {
  readonly fault: FieldFault;
  readonly segments: FieldSegments;
}

/** Where a fault that belongs to no field stands, in Kubernetes' words. */
export const NO_FIELD = '<nil>';

/** ajv's errors about `root` in the words that a Kubernetes API server uses for custom resources (kube-openapi, validation/errors). */
export function faultsOf(root: unknown, errors: readonly ErrorObject[], maxFaults: number): readonly LocatedFault[] {
  // Finding the nearest branch compares all with all; only what may be told at the end is worth that.
  return firstOfTexts(withoutLosingBranches(errors.slice(0, maxFaults * 8)))
    .slice(0, maxFaults)
    .flatMap((error) => {
      const segments = segmentsOf(error.instancePath, root);
      return faultsOfError(fieldPath(segments), error).map((fault) => ({ fault, segments }));
    });
}

/** What is asked of a text, in the order in which it is looked at; the first that fails is told. */
const textKeywords = ['maxLength', 'minLength', 'pattern'];

function firstOfTexts(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const first = new Map<string, number>();
  for (const { instancePath, keyword } of errors) {
    const rank = textKeywords.indexOf(keyword);
    if (rank !== -1) first.set(instancePath, Math.min(rank, first.get(instancePath) ?? rank));
  }
  return errors.filter(({ instancePath, keyword }) => {
    const rank = textKeywords.indexOf(keyword);
    return rank === -1 || rank === first.get(instancePath);
  });
}

type Words = (path: string, error: ErrorObject) => FieldFault;

const WORDS: Readonly<Record<string, Words>> = {
  type: (path, error) => {
    const { wanted, found } = typesOf(error);
    return typeInvalid(path, found, `${path} in body must be of type ${wanted}: ${JSON.stringify(found)}`);
  },
  isMap: (path) => typeInvalid(path, 'number', `${path} in body must be of type object: "number"`),
  required: (path, { params }) => requiredValue(childPath(path, textOf(params['missingProperty']))),
  enum: (path, { data, schema }) => notSupported(path, data, Array.isArray(schema) ? schema : []),
  format: (path, { data, schema }) =>
    typeof data === 'number'
      ? outOfRange(path, schema)
      : typeInvalid(path, data, `${path} in body must be of type ${textOf(schema)}: ${JSON.stringify(data)}`),
  pattern: breaks(({ schema }) => `should match '${textOf(schema)}'`),
  maxLength: (path, { schema }) => tooLong(path, Number(schema)),
  minLength: breaks(({ schema }) => `should be at least ${textOf(schema)} chars long`),
  maximum: breaks(({ schema }) => `should be less than or equal to ${textOf(schema)}`),
  exclusiveMaximum: breaks(({ schema }) => `should be less than ${textOf(schema)}`),
  minimum: breaks(({ schema }) => `should be greater than or equal to ${textOf(schema)}`),
  exclusiveMinimum: breaks(({ schema }) => `should be greater than ${textOf(schema)}`),
  multipleOf: breaks(({ schema }) => `should be a multiple of ${textOf(schema)}`),
  maxItems: (path, { data, schema }) => tooMany(path, sizeOf(data), Number(schema)),
  maxProperties: (path, { data, schema }) => tooMany(path, sizeOf(data), Number(schema)),
  minItems: (path, { data, schema }) =>
    invalid(path, sizeOf(data), `${path} in body should have at least ${textOf(schema)} items`),
  minProperties: (path, { schema }) =>
    invalid(path, schema, `${path} in body should have at least ${textOf(schema)} properties`),
  uniqueItems: (path) => invalid(path, '', `${path} in body shouldn't contain duplicates`),
  additionalProperties: (path, { params }) =>
    invalid(
      path,
      params['additionalProperty'],
      `${childPath(path, textOf(params['additionalProperty']))} in body is a forbidden property`,
    ),
  oneOf: composite(({ params }) =>
    params['passingSchemas'] === null || params['passingSchemas'] === undefined
      ? 'must validate one and only one schema (oneOf). Found none valid'
      : 'must validate one and only one schema (oneOf). Found 2 valid alternatives',
  ),
  anyOf: composite(() => 'must validate at least one schema (anyOf)'),
  allOf: composite(() => 'must validate all the schemas (allOf)'),
  not: composite(() => 'must not validate the schema (not)'),
};

/** A number that is none of the integers is told twice: for its type, and for its range. */
function faultsOfError(path: string, error: ErrorObject): readonly FieldFault[] {
  const { keyword, data, schema, parentSchema } = error;
  const isNoInteger = keyword === 'type' && typeof data === 'number' && typeWords(schema) === 'integer';
  return [faultOf(path, error), ...(isNoInteger ? [outOfRange(path, parentSchema?.['format'])] : [])];
}

function outOfRange(path: string, format: unknown): FieldFault {
  const kind = typeof format === 'string' ? `with format ${format}` : '(default format)';
  return invalid(NO_FIELD, '', `Checked value must be of type integer ${kind} in ${path}`);
}

function faultOf(path: string, error: ErrorObject): FieldFault {
  const words = Object.hasOwn(WORDS, error.keyword) ? WORDS[error.keyword] : undefined;
  return words === undefined ? invalid(path, undefined, error.message ?? error.keyword) : words(path, error);
}

function breaks(rule: (error: ErrorObject) => string): Words {
  return (path, error) => invalid(path, error.data, `${path} in body ${rule(error)}`);
}

function composite(rule: (error: ErrorObject) => string): Words {
  return (path, error) => invalid(NO_FIELD, '', `${JSON.stringify(path)} ${rule(error)}`);
}

/** What is neither text nor list is told by its format where the field has one, as kube-openapi does. */
function typesOf({ data, schema, parentSchema }: ErrorObject): { readonly wanted: string; readonly found: string } {
  const format: unknown = parentSchema?.['format'];
  const found = typeNameOf(data);
  if (typeof format !== 'string' || ['string', 'array', 'null'].includes(found))
    return { wanted: typeWords(schema), found };
  return { wanted: format, found: formatOfType[found] ?? '' };
}

const formatOfType: Readonly<Record<string, string>> = { integer: 'int64', number: 'float64' };

function typeWords(schema: unknown): string {
  return Array.isArray(schema) ? schema.filter((word) => word !== 'null').join(',') : textOf(schema);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : String(JSON.stringify(value));
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

/**
 * When no branch of an anyOf or oneOf fits, the faults of all of them are told by ajv. Only those of the branch that came nearest are kept,
 * as Kubernetes does: the others speak of a choice that was not meant.
 */
function withoutLosingBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  let kept = errors;
  for (const choice of errors) {
    if (choice.keyword !== 'anyOf' && choice.keyword !== 'oneOf') continue;
    const counts = new Map<string, number>();
    for (const error of kept) {
      const branch = branchOf(choice, error);
      if (branch !== undefined) counts.set(branch, (counts.get(branch) ?? 0) + 1);
    }
    const [nearest] = [...counts].toSorted(([, a], [, b]) => a - b)[0] ?? [];
    kept = kept.filter((error) => [undefined, nearest].includes(branchOf(choice, error)));
  }
  return kept;
}

function branchOf(choice: ErrorObject, error: ErrorObject): string | undefined {
  const prefix = `${choice.schemaPath}/`;
  if (!error.schemaPath.startsWith(prefix) || !error.instancePath.startsWith(choice.instancePath)) return undefined;
  return error.schemaPath.slice(prefix.length).split('/', 1)[0];
}
