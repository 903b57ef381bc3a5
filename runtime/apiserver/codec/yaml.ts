import { stringify, type Tags } from 'yaml';
import { checkYaml, valueOf } from '#runtime/base/check-yaml.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { YamlRefusal, yamlDocuments } from '#runtime/base/yaml-documents.ts';
import { transactionLimitBytes } from '#runtime/storage/store.ts';
import { exactNumber, isExactNumber } from './exact-number.ts';
import { parseJson } from './json.ts';
import type { ParsedText } from './json.ts';

/** With what aliases stand for. */
const maxDepth = 1_000;

/**
 * YAML costs a hundred times what JSON does, and nobody else is served meanwhile: this is some 300 ms. kubectl and client-go send JSON, also as what they call
 * YAML; what people write by hand is shorter by far than this, which is 300 kB of a manifest and 700 kB of a definition.
 */
const maxTokens = 100_000;

/**
 * Reads one YAML 1.1 document as sigs.k8s.io/yaml does: `yes`, `no`, `on`, `off` are booleans, `012` is octal, `<<` merges, keys become text,
 * integers of any size keep their value. Text that is JSON is read as JSON. Empty text is null. `duplicates` are always looked for.
 * Throws ApiError 400 for several documents, broken text, alias bombs, keys that are no scalars, and numbers that JSON cannot hold; 413 for more YAML than is
 * read, or could be stored.
 */
export function parseYaml(text: string): ParsedText {
  const json = /^\s*[{[]/.test(text) ? jsonOf(text) : undefined;
  if (json !== undefined && !(json instanceof Error)) return json;
  try {
    return readDocument(text);
  } catch (err) {
    throw refusalOf(err, json);
  }
}

/** A flow mapping that is no JSON is still YAML. */
function jsonOf(text: string): ParsedText | Error {
  try {
    return parseJson(text, { findDuplicates: true });
  } catch (err) {
    return err as Error;
  }
}

/** Whoever meant JSON hears why it is none, where there is more than is read of YAML. */
function refusalOf(err: unknown, noJson: Error | undefined): Error {
  if (err instanceof ApiError) return err;
  if (!(err instanceof YamlRefusal)) return yamlError(err instanceof Error ? err.message : 'unreadable', err);
  return err.isTooLarge ? (noJson ?? tooLarge(err.message, err)) : yamlError(atLine(err.line, err.message), err);
}

/** YAML of a JSON value with sorted keys, as the server answers to `Accept: application/yaml`; what other YAML 1.1 readers might take for something else is quoted. */
export function stringifyYaml(value: unknown): string {
  return stringify(value, {
    version: '1.1',
    lineWidth: 0,
    sortMapEntries: true,
    aliasDuplicateObjects: false,
    customTags: withExactNumbers,
  });
}

function readDocument(text: string): ParsedText {
  if (text.length > transactionLimitBytes)
    throw new YamlRefusal(`YAML is read up to ${transactionLimitBytes} bytes`, 1, true);
  const [first, second] = yamlDocuments(text, { maxTokens, intAsBigInt: true });
  if (first === undefined) return { value: null, duplicates: [] };
  if (second !== undefined) throw yamlError('expected one document');
  const { document, lineAt } = first;
  const error = document.errors[0];
  if (error !== undefined) throw yamlError(atLine(lineAt(error.pos[0]), error.message), error);
  const duplicates = new Set(checkYaml(first).map(({ path }) => path));
  return { value: toJson(valueOf(first), 0), duplicates: [...duplicates] };
}

/** Integers back from BigInt, and a look at what JSON cannot hold. */
function toJson(value: unknown, depth: number): unknown {
  if (depth > maxDepth) throw yamlError('exceeded max depth');
  if (typeof value === 'bigint') return exactNumber(String(value));
  if (typeof value === 'number' && !Number.isFinite(value)) throw yamlError(`json: unsupported value: ${value}`);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => toJson(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, part]: [string, unknown]) => [key, toJson(part, depth + 1)]),
  );
}

function withExactNumbers(tags: Tags): Tags {
  return [
    {
      identify: isExactNumber,
      default: true,
      tag: 'tag:yaml.org,2002:float',
      test: /^(?!)/,
      resolve: (text: string) => text,
      stringify: ({ value }) => (isExactNumber(value) ? value.rawJSON : String(value)),
    },
    ...tags,
  ];
}

function atLine(line: number, message: string): string {
  return `line ${line}: ${message}`;
}

function tooLarge(why: string, cause?: unknown): ApiError {
  const message = `Request entity too large: ${why}; send it as JSON, of which more is read`;
  return new ApiError(413, 'RequestEntityTooLarge', message, { cause });
}

function yamlError(detail: string, cause?: unknown): ApiError {
  return new ApiError(400, 'BadRequest', `error converting YAML to JSON: yaml: ${detail}`, { cause });
}
