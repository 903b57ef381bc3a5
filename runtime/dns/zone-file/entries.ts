/** One entry of a zone file (RFC 1035 §5.1): what stands on a line, or on several within parentheses. */
export interface Entry {
  /** Of its first word, from 1. */
  readonly line: number;
  /** It begins with a blank: it is of the name of the entry before. */
  readonly isContinued: boolean;
  readonly words: readonly Word[];
}

/** As it stands in the file, with its escapes; without the quotes around it. */
export interface Word {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** Something wrong in one line. */
export interface Fault {
  readonly line: number;
  readonly message: string;
}

/** Thrown where nobody can tell any more what the rest of a text means. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
  readonly fault: Fault;
  constructor(line: number, message: string) {
    super(message);
    this.fault = { line, message };
  }
}

interface Reading {
  line: number;
  depth: number;
  entry: { line: number; isContinued: boolean; words: Word[] } | undefined;
  isBlankBefore: boolean;
}

/** Takes a text apart, in time that grows with its length alone. FaultError where quotes or parentheses do not fit. */
export function* entriesOf(text: string): Generator<Entry> {
  const reading: Reading = { line: 1, depth: 0, entry: undefined, isBlankBefore: false };
  for (let at = 0; at < text.length;) {
    if (text[at] === '\n') {
      if (reading.depth === 0) yield* ended(reading);
      reading.line += 1;
      at += 1;
    } else at = readPart(text, at, reading);
  }
  if (reading.depth > 0) throw new FaultError(reading.line, 'A parenthesis is not closed.');
  yield* ended(reading);
}

/** Reads what begins here, within a line; where it ends. */
function readPart(text: string, at: number, reading: Reading): number {
  switch (text.charAt(at)) {
    case ';':
      return endOfComment(text, at);
    case ' ':
    case '\t':
    case '\r':
      reading.isBlankBefore ||= reading.entry === undefined;
      return at + 1;
    case '(':
      changeDepth(reading, 1);
      return at + 1;
    case ')':
      changeDepth(reading, -1);
      return at + 1;
    default:
      return readWord(text, at, reading);
  }
}

function* ended(reading: Reading): Generator<Entry> {
  if (reading.entry !== undefined) yield reading.entry;
  reading.entry = undefined;
  reading.isBlankBefore = false;
}

function changeDepth(reading: Reading, by: 1 | -1): void {
  reading.depth += by;
  if (reading.depth > 1) throw new FaultError(reading.line, 'Parentheses in parentheses.');
  if (reading.depth < 0) throw new FaultError(reading.line, 'A parenthesis closes none.');
}

function readWord(text: string, from: number, reading: Reading): number {
  const isQuoted = text[from] === '"';
  const to = isQuoted ? endOfQuoted(text, from, reading.line) : endOfPlain(text, from, reading.line);
  const word = { text: isQuoted ? text.slice(from + 1, to - 1) : text.slice(from, to), isQuoted };
  reading.entry ??= { line: reading.line, isContinued: reading.isBlankBefore, words: [] };
  reading.entry.words.push(word);
  return to;
}

function endOfComment(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

function endOfQuoted(text: string, from: number, line: number): number {
  for (let at = from + 1; at < text.length && text[at] !== '\n'; at += 1) {
    if (text[at] === '"') return at + 1;
    if (text[at] === '\\' && text[at + 1] !== '\n') at += 1;
  }
  throw new FaultError(line, 'A quoted string does not end in its line.');
}

const ends = new Set([' ', '\t', '\r', '\n', ';', '(', ')']);

/** Parameters of SVCB have quotes within the word: `alpn="h2,h3"`. */
function endOfPlain(text: string, from: number, line: number): number {
  let at = from;
  while (at < text.length && !ends.has(text[at] ?? '')) {
    if (text[at] === '"') at = endOfQuoted(text, at, line);
    else at += text[at] === '\\' && text[at + 1] !== '\n' ? 2 : 1;
  }
  return Math.min(at, text.length);
}
