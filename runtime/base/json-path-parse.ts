import { InvalidError } from './errors.ts';

/** One side of a filter's comparison: a path from the element, or a literal. */
export type JsonPathOperand =
  | { readonly kind: 'path'; readonly path: JsonPath }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null };

export type JsonPathStep =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'recursive' }
  | { readonly kind: 'slice'; readonly from?: number; readonly to?: number; readonly step?: number }
  | { readonly kind: 'union'; readonly branches: readonly JsonPathStep[] }
  | {
      readonly kind: 'filter';
      readonly left: JsonPathOperand;
      readonly op?: '==' | '!=' | '<' | '<=' | '>' | '>=';
      readonly right?: JsonPathOperand;
    };

/** A parsed path. `root` is where it starts: the whole value (`$`) or the element at hand (`@`, or nothing). */
export interface JsonPath {
  readonly root: 'whole' | 'current';
  readonly steps: readonly JsonPathStep[];
}

/** Text that is being read; `at` moves on. */
interface Cursor {
  readonly text: string;
  at: number;
}

const NAME_END = new Set([' ', '.', '[', ']', '(', ')', ',', '{', '}', '=', '!', '<', '>', '"', "'"]);
const COMPARISON = /(==|!=|<=|>=|<|>)/y;
const NUMBER = /[+-]?\d+(\.\d+)?/y;
const SLICE = /(-?\d+)?(:(-?\d+)?(:(-?\d+)?)?)?/y;

/** Takes a path of kubectl's dialect apart; the leading `.` and braces around it are optional. InvalidError for anything else. */
export function parseJsonPath(text: string): JsonPath {
  const trimmed = text.trim();
  const inner = trimmed.startsWith('{') && trimmed.endsWith('}') ? trimmed.slice(1, -1).trim() : trimmed;
  const cursor: Cursor = { text: inner, at: 0 };
  const path = readPath(cursor);
  if (cursor.at < inner.length) throw unexpected(cursor);
  return path;
}

/** The literal that a quoted text stands for; undefined when it is not one. */
export function parseQuoted(text: string): string | undefined {
  const cursor: Cursor = { text, at: 0 };
  if (text[0] !== '"' && text[0] !== "'") return undefined;
  const value = readQuoted(cursor);
  return cursor.at === text.length ? value : undefined;
}

function unexpected(cursor: Cursor): InvalidError {
  const found = cursor.text[cursor.at];
  const what = found === undefined ? 'end of text' : `"${found}" at ${cursor.at}`;
  return new InvalidError(`JSON path ${JSON.stringify(cursor.text)}: unexpected ${what}`, []);
}

function readPath(cursor: Cursor): JsonPath {
  const first = cursor.text[cursor.at];
  const root = first === '$' ? 'whole' : 'current';
  if (first === '$' || first === '@') cursor.at += 1;
  const steps: JsonPathStep[] = [];
  // kubectl accepts `metadata.name` for `.metadata.name`.
  if (first !== '$' && first !== '@' && first !== '.' && first !== '[') steps.push(readName(cursor));
  for (let step = readStep(cursor); step !== undefined; step = readStep(cursor)) steps.push(step);
  return { root, steps };
}

function readStep(cursor: Cursor): JsonPathStep | undefined {
  const { text } = cursor;
  if (text.startsWith('..', cursor.at)) {
    // The second dot belongs to the name that follows; a bracket needs none.
    cursor.at += text[cursor.at + 2] === '[' ? 2 : 1;
    return { kind: 'recursive' };
  }
  if (text[cursor.at] === '.') {
    cursor.at += 1;
    const next = text[cursor.at];
    // `{.}` is the element itself, as is `.` before a bracket.
    if (next === undefined || next === '[') return readStep(cursor);
    return readName(cursor);
  }
  return text[cursor.at] === '[' ? readBracket(cursor) : undefined;
}

function readName(cursor: Cursor): JsonPathStep {
  const { text } = cursor;
  if (text[cursor.at] === '*') {
    cursor.at += 1;
    return { kind: 'wildcard' };
  }
  let name = '';
  while (cursor.at < text.length) {
    const char = text[cursor.at] ?? '';
    if (char === '\\') {
      name += text[cursor.at + 1] ?? '';
      cursor.at += 2;
      continue;
    }
    if (NAME_END.has(char)) break;
    name += char;
    cursor.at += 1;
  }
  if (name === '') throw unexpected(cursor);
  return { kind: 'field', name };
}

function readBracket(cursor: Cursor): JsonPathStep {
  cursor.at += 1;
  const branches = [readBranch(cursor)];
  skipBlanks(cursor);
  while (cursor.text[cursor.at] === ',') {
    cursor.at += 1;
    branches.push(readBranch(cursor));
    skipBlanks(cursor);
  }
  if (cursor.text[cursor.at] !== ']') throw unexpected(cursor);
  cursor.at += 1;
  const only = branches[0];
  return branches.length === 1 && only !== undefined ? only : { kind: 'union', branches };
}

function readBranch(cursor: Cursor): JsonPathStep {
  skipBlanks(cursor);
  const { text } = cursor;
  const char = text[cursor.at] ?? '';
  if (char === '*') {
    cursor.at += 1;
    return { kind: 'wildcard' };
  }
  if (char === '"' || char === "'") return { kind: 'field', name: readQuoted(cursor) };
  if (text.startsWith('?(', cursor.at)) return readFilter(cursor);
  if (char === '-' || char === ':' || (char >= '0' && char <= '9')) return readSlice(cursor);
  return readName(cursor);
}

function readSlice(cursor: Cursor): JsonPathStep {
  SLICE.lastIndex = cursor.at;
  const match = SLICE.exec(cursor.text);
  if (match === null || match[0] === '') throw unexpected(cursor);
  cursor.at += match[0].length;
  const from = match[1] === undefined ? undefined : Number(match[1]);
  if (match[2] === undefined && from !== undefined) {
    // An index is a slice of one; -1 has no number after it to end at.
    return { kind: 'slice', from, ...(from === -1 ? {} : { to: from + 1 }) };
  }
  return {
    kind: 'slice',
    ...(from === undefined ? {} : { from }),
    ...(match[3] === undefined ? {} : { to: Number(match[3]) }),
    ...(match[5] === undefined ? {} : { step: Number(match[5]) }),
  };
}

function readFilter(cursor: Cursor): JsonPathStep {
  cursor.at += 2;
  const left = readOperand(cursor);
  skipBlanks(cursor);
  COMPARISON.lastIndex = cursor.at;
  const match = COMPARISON.exec(cursor.text);
  if (match === null) {
    closeParenthesis(cursor);
    return { kind: 'filter', left };
  }
  cursor.at += match[0].length;
  const right = readOperand(cursor);
  skipBlanks(cursor);
  closeParenthesis(cursor);
  return { kind: 'filter', left, op: match[0] as '==' | '!=' | '<' | '<=' | '>' | '>=', right };
}

function closeParenthesis(cursor: Cursor): void {
  if (cursor.text[cursor.at] !== ')') throw unexpected(cursor);
  cursor.at += 1;
}

function readOperand(cursor: Cursor): JsonPathOperand {
  skipBlanks(cursor);
  const { text } = cursor;
  const char = text[cursor.at] ?? '';
  if (char === '@' || char === '$' || char === '.') return { kind: 'path', path: readPath(cursor) };
  if (char === '"' || char === "'") return { kind: 'literal', value: readQuoted(cursor) };
  for (const [word, value] of [
    ['true', true],
    ['false', false],
    ['null', null],
  ] as const) {
    if (!text.startsWith(word, cursor.at)) continue;
    cursor.at += word.length;
    return { kind: 'literal', value };
  }
  NUMBER.lastIndex = cursor.at;
  const match = NUMBER.exec(text);
  if (match === null) throw unexpected(cursor);
  cursor.at += match[0].length;
  return { kind: 'literal', value: Number(match[0]) };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function readQuoted(cursor: Cursor): string {
  const { text } = cursor;
  const quote = text[cursor.at];
  let value = '';
  for (cursor.at += 1; cursor.at < text.length; cursor.at += 1) {
    const char = text[cursor.at] ?? '';
    if (char === quote) {
      cursor.at += 1;
      return value;
    }
    if (char !== '\\') {
      value += char;
      continue;
    }
    cursor.at += 1;
    const escaped = text[cursor.at] ?? '';
    value += ESCAPES[escaped] ?? escaped;
  }
  throw unexpected(cursor);
}

function skipBlanks(cursor: Cursor): void {
  while (cursor.text[cursor.at] === ' ') cursor.at += 1;
}
