import { InvalidError } from './errors.ts';
import { readJsonPath } from './json-path-read.ts';
import { parseJsonPath, parseQuoted, type JsonPath } from './json-path-parse.ts';

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly path: JsonPath }
  | { readonly kind: 'range'; readonly path: JsonPath; readonly body: readonly Part[] };

/** What a template prints for a value. */
export type JsonPathTemplate = (value: unknown) => string;

/**
 * A template of `kubectl -o jsonpath`: text with blocks in braces, which are paths, quoted text, or `{range …}` … `{end}`.
 * Several values of one block are separated by a blank; objects and lists are printed as JSON. InvalidError when it cannot be read.
 */
export function compileJsonPathTemplate(text: string): JsonPathTemplate {
  const parts = parseTemplate(text.includes('{') ? text : `{${text}}`);
  return (value) => printParts(parts, value, value);
}

/** One value as kubectl prints it. */
export function printJsonPathValue(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value);
}

function printParts(parts: readonly Part[], whole: unknown, current: unknown): string {
  return parts.map((part) => printPart(part, whole, current)).join('');
}

function printPart(part: Part, whole: unknown, current: unknown): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'path':
      return readJsonPath(part.path, whole, current).map(printJsonPathValue).join(' ');
    case 'range':
      return readJsonPath(part.path, whole, current)
        .map((element) => printParts(part.body, whole, element))
        .join('');
  }
}

interface OpenRange {
  readonly path: JsonPath | undefined;
  readonly parts: Part[];
}

function parseTemplate(text: string): readonly Part[] {
  const bottom: OpenRange = { path: undefined, parts: [] };
  const open: OpenRange[] = [bottom];
  for (const token of tokensOf(text)) {
    const top = open.at(-1) ?? bottom;
    const path = rangePath(token);
    if (!token.block) top.parts.push({ kind: 'text', text: token.text });
    else if (path !== undefined) open.push({ path, parts: [] });
    else if (token.text === 'end') closeRange(open);
    else top.parts.push(blockOf(token.text));
  }
  if (open.length > 1) throw new InvalidError('JSON path template: a range has no {end}', []);
  return bottom.parts;
}

function closeRange(open: OpenRange[]): void {
  const closed = open.pop();
  const around = open.at(-1);
  if (closed?.path === undefined || around === undefined) {
    throw new InvalidError('JSON path template: {end} without {range}', []);
  }
  around.parts.push({ kind: 'range', path: closed.path, body: closed.parts });
}

function rangePath(token: Token): JsonPath | undefined {
  return token.block && /^range\s/.test(token.text) ? parseJsonPath(token.text.slice('range'.length)) : undefined;
}

function blockOf(text: string): Part {
  const quoted = parseQuoted(text);
  return quoted === undefined ? { kind: 'path', path: parseJsonPath(text) } : { kind: 'text', text: quoted };
}

interface Token {
  readonly block: boolean;
  readonly text: string;
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const start = text.indexOf('{', at);
    if (start !== at) tokens.push({ block: false, text: text.slice(at, start === -1 ? undefined : start) });
    if (start === -1) break;
    const end = endOfBlock(text, start + 1);
    tokens.push({ block: true, text: text.slice(start + 1, end).trim() });
    at = end + 1;
  }
  return tokens;
}

function endOfBlock(text: string, from: number): number {
  let quote: string | undefined;
  for (let at = from; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\\') at += 1;
    else if (quote !== undefined) quote = char === quote ? undefined : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === '}') return at;
  }
  throw new InvalidError('JSON path template: a block is not closed', []);
}
