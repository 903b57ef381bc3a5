/**
 * What the text of a JSON document tells that its value does not: how deep it nests, and which keys stand twice.
 * All functions go over the text once; what they say of text that is no JSON has no meaning.
 */

/** Most duplicates that are told of one document; more say nothing new. */
const mostDuplicates = 100;

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;

/** Whether lists and objects nest more than `maxDepth` deep. */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  if (text.length < 2 * maxDepth) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) depth -= 1;
    if (depth > maxDepth) return true;
  }
  return false;
}

/** How many keys are written in the text; when the value has as many, none stands twice. */
export function countKeys(text: string): number {
  let keys = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) {
    at = endOfString(text, at);
    let next = at + 1;
    while (isSpace(text.charCodeAt(next))) next += 1;
    if (text.charCodeAt(next) === colon) keys += 1;
  }
  return keys;
}

interface Level {
  readonly path: string;
  /** Keys seen; undefined for a list. */
  readonly keys: Set<string> | undefined;
  key: string;
  index: number;
}

/** Paths (`spec.ports[0].name`) of the keys that stand more than once in one object, each once, in order of appearance. */
export function duplicateKeys(text: string): readonly string[] {
  const found = new Set<string>();
  const levels: Level[] = [];
  for (let at = 0; at < text.length && found.size < mostDuplicates; at += 1) {
    const code = text.charCodeAt(at);
    const level = levels.at(-1);
    if (code === quote) {
      const end = endOfString(text, at);
      if (level !== undefined && isKey(text, end)) noteKey(level, text.slice(at, end + 1), found);
      at = end;
    } else {
      stepLevel(levels, level, code);
    }
  }
  return [...found];
}

function stepLevel(levels: Level[], level: Level | undefined, code: number): void {
  if (code === openBrace || code === openBracket) {
    levels.push({ path: pathOf(level), keys: code === openBrace ? new Set() : undefined, key: '', index: 0 });
  } else if (code === closeBrace || code === closeBracket) {
    levels.pop();
  } else if (code === comma && level !== undefined) {
    level.index += 1;
  }
}

function noteKey(level: Level, source: string, found: Set<string>): void {
  level.key = JSON.parse(source) as string;
  if (level.keys?.has(level.key) === true) found.add(pathOf(level));
  level.keys?.add(level.key);
}

function pathOf(level: Level | undefined): string {
  if (level === undefined) return '';
  if (level.keys === undefined) return `${level.path}[${level.index}]`;
  return level.path === '' ? level.key : `${level.path}.${level.key}`;
}

function isKey(text: string, endOfKey: number): boolean {
  let next = endOfKey + 1;
  while (isSpace(text.charCodeAt(next))) next += 1;
  return text.charCodeAt(next) === colon;
}

/** Index of the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === backslash) slashes += 1;
  return slashes % 2 === 1;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
