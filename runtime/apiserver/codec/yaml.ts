import { isMap as isMapNode, isNode, isScalar, LineCounter, parseAllDocuments, stringify, visit } from 'yaml';
import type { Document, Pair, ParsedNode, Tags, ToJSOptions } from 'yaml';
import { ApiError } from '#runtime/base/errors.ts';
import { exactNumber, isExactNumber } from './exact-number.ts';
import { parseJson } from './json.ts';
import type { ParsedText } from './json.ts';

/** Aliases may repeat this many nodes in all: a document of a few lines must not grow into gigabytes. */
const maxAliasedNodes = 1_000;
const maxDepth = 1_000;

/**
 * YAML 1.1 types that sigs.k8s.io/yaml does not resolve: there `12:30` and `2001-01-01` stay text.
 * The names are those of the package `yaml`; sexagesimal numbers are told by their format.
 */
const unknownTags: ReadonlySet<string> = new Set([
  'tag:yaml.org,2002:timestamp',
  'tag:yaml.org,2002:binary',
  'tag:yaml.org,2002:omap',
  'tag:yaml.org,2002:pairs',
  'tag:yaml.org,2002:set',
]);

/**
 * Reads one YAML 1.1 document as sigs.k8s.io/yaml does: `yes`, `no`, `on`, `off` are booleans, `012` is octal, `<<` merges, keys become text,
 * integers of any size keep their value. Text that is JSON is read as JSON. Empty text is null. `duplicates` are always looked for.
 * Throws ApiError 400 for several documents, broken text, alias bombs, and numbers that JSON cannot hold.
 */
export function parseYaml(text: string): ParsedText {
  if (/^\s*[{[]/.test(text)) {
    try {
      return parseJson(text, { findDuplicates: true });
    } catch {
      // A flow mapping that is no JSON is still YAML.
    }
  }
  try {
    return readDocument(text);
  } catch (err) {
    if (err instanceof ApiError) throw err;
    throw yamlError(err instanceof Error ? err.message : 'unreadable', err);
  }
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
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, {
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    intAsBigInt: true,
    logLevel: 'silent',
    stringKeys: false,
    lineCounter,
    customTags: (tags: Tags) => tags.filter((tag) => typeof tag === 'string' || !isUnknownTag(tag)),
  });
  const document = (documents as readonly Document.Parsed<ParsedNode>[]).at(0);
  if (document === undefined) return { value: null, duplicates: [] };
  if (documents.length > 1) throw yamlError('expected one document');
  const error = document.errors[0];
  if (error !== undefined)
    throw yamlError(`line ${error.linePos?.[0].line ?? 0}: ${firstSentence(error.message)}`, error);
  const options: ToJSOptions = { maxAliasCount: maxAliasedNodes };
  return { value: toJson(document.toJS(options), 0), duplicates: findDuplicates(document) };
}

function isUnknownTag(tag: { readonly tag: string; readonly format?: string }): boolean {
  return unknownTags.has(tag.tag) || tag.format === 'TIME';
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

function findDuplicates(document: Document.Parsed<ParsedNode>): readonly string[] {
  const found = new Set<string>();
  visit(document, {
    Map: (_key, map, path) => {
      const seen = new Set<string>();
      for (const pair of map.items) {
        const key = keyText(pair);
        if (seen.has(key) && key !== '<<') found.add([...namesOf([...path, map]), key].join('.').replaceAll('.[', '['));
        seen.add(key);
      }
    },
  });
  return [...found];
}

/** What leads to a node: names of fields and `[index]` of list items. */
function namesOf(path: readonly unknown[]): readonly string[] {
  return path.flatMap((step, index) => {
    if (isPair(step)) return [keyText(step)];
    const next = path[index + 1];
    if (isSequence(step) && next !== undefined) return [`[${step.items.indexOf(next)}]`];
    return [];
  });
}

function isPair(value: unknown): value is Pair {
  return typeof value === 'object' && value !== null && 'key' in value && !isNode(value);
}

function isSequence(value: unknown): value is { readonly items: readonly unknown[] } {
  return isNode(value) && !isMapNode(value) && !isScalar(value) && 'items' in value;
}

function keyText(pair: Pair): string {
  const key: unknown = pair.key;
  if (!isScalar(key)) return '';
  return typeof key.value === 'symbol' ? '<<' : String(key.value);
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

function firstSentence(message: string): string {
  return message.split('\n', 1)[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? message;
}

function yamlError(detail: string, cause?: unknown): ApiError {
  return new ApiError(400, 'BadRequest', `error converting YAML to JSON: yaml: ${detail}`, { cause });
}
