import { ApiError } from '#runtime/base/errors.ts';
import { exactNumber, isExactNumber } from './exact-number.ts';
import { countKeys, duplicateKeys, isDeeperThan } from './json-text.ts';

/** A document that was read. `duplicates` holds the paths (`spec.host`) of keys that stand twice; of each the last value counts. */
export interface ParsedText {
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

/** `maxDepth` counts nested lists and objects (default 1,000); `findDuplicates` costs a second look at the text (default false). */
export interface ParseOptions {
  readonly maxDepth?: number;
  readonly findDuplicates?: boolean;
}

const defaultMaxDepth = 1_000;

/**
 * A number, where values may stand, whose text a JavaScript number may lose: many digits, an exponent, a trailing zero behind the point, minus zero.
 * Text inside strings may match too, which costs time and nothing else.
 */
const suspectNumber = /(?:^|[:[,])\s*(?:-0(?![.\d])|-?(?:[\d.]{16,}|\d+(?:\.\d+)?[eE]|\d+\.\d*0(?!\d)))/;

/**
 * Reads a JSON document without loss: numbers that JavaScript would round or rewrite become an `ExactNumber`, a key `__proto__` is a key like any other,
 * and nesting is bounded, so that what walks the value later cannot run out of stack. Documents without such numbers go through plain JSON.parse.
 * Throws ApiError 400 in the words of Kubernetes, without quoting more than one character of the document.
 */
export function parseJson(text: string, options: ParseOptions = {}): ParsedText {
  // First, because JSON.parse with a reviver recurses.
  if (isDeeperThan(text, options.maxDepth ?? defaultMaxDepth)) throw syntaxError('exceeded max depth');
  const value = parseValue(text);
  const suspicious = options.findDuplicates === true && countKeys(text) !== countFields(value);
  return { value, duplicates: suspicious ? duplicateKeys(text) : [] };
}

/** JSON as it goes over the wire and into the store; numbers that were kept exactly are written as they came. */
export function stringifyJson(value: unknown): string {
  return JSON.stringify(value);
}

function parseValue(text: string): unknown {
  try {
    return suspectNumber.test(text) ? JSON.parse(text, keepNumber) : JSON.parse(text);
  } catch (err) {
    if (err instanceof SyntaxError) throw syntaxError(goMessage(err.message, text), err);
    throw err;
  }
}

function keepNumber(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context.source === undefined) return value;
  if (!Number.isFinite(value))
    throw syntaxError(`cannot unmarshal number ${context.source.slice(0, 40)} into a value of type float64`);
  return exactNumber(context.source);
}

function countFields(value: unknown): number {
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return 0;
  let fields = 0;
  if (Array.isArray(value)) {
    for (const item of value) fields += countFields(item);
    return fields;
  }
  const record = value as Readonly<Record<string, unknown>>;
  for (const key in record) fields += 1 + countFields(record[key]);
  return fields;
}

function syntaxError(detail: string, cause?: unknown): ApiError {
  return new ApiError(400, 'BadRequest', `couldn't get version/kind; json parse error: ${detail}`, { cause });
}

/** How V8 begins its message, and how Go ends its own. */
const wordings: readonly (readonly [RegExp, string])[] = [
  [/^Expected ':'/, 'after object key'],
  [/^Expected (?:double-quoted )?property name/, 'looking for beginning of object key string'],
  [/^Expected ',' or '}'/, 'after object key:value pair'],
  [/^Expected ',' or ']'/, 'after array element'],
  [/^Bad control/, 'in string literal'],
  [/^Bad (?:escaped|Unicode)/i, 'in string escape code'],
  [/^Unexpected non-whitespace/, 'after top-level value'],
];

function goMessage(message: string, text: string): string {
  const token = /^Unexpected token '(.)'/u.exec(message)?.[1];
  if (token !== undefined) return `invalid character '${token}' looking for beginning of value`;
  const position = /at position (\d+)/.exec(message)?.[1];
  const character = position === undefined ? undefined : text[Number(position)];
  if (character === undefined || message.startsWith('Unterminated')) return 'unexpected end of JSON input';
  const where = wordings.find(([begin]) => begin.test(message))?.[1] ?? 'looking for beginning of value';
  return `invalid character '${JSON.stringify(character).slice(1, -1)}' ${where}`;
}
