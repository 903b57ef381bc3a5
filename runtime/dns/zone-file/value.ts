import { RECORD_FORMATS } from '#schemas/meta/patterns.ts';
import { contentOf } from '#schemas/meta/record-content.ts';
import type { Word } from './entries.ts';

/** One part of a record's data; the last one takes all words that are left. */
type Part = 'word' | 'lower' | 'name' | 'quoted' | 'hex' | 'parameters' | 'text';

const shapes: Readonly<Record<string, readonly Part[]>> = {
  A: ['word'],
  AAAA: ['lower'],
  ALIAS: ['name'],
  CAA: ['word', 'lower', 'quoted'],
  CNAME: ['name'],
  DS: ['word', 'word', 'word', 'hex'],
  HTTPS: ['word', 'name', 'parameters'],
  MX: ['word', 'name'],
  NAPTR: ['word', 'word', 'quoted', 'quoted', 'quoted', 'name'],
  NS: ['name'],
  PTR: ['name'],
  SRV: ['word', 'word', 'word', 'name'],
  SSHFP: ['word', 'word', 'hex'],
  SVCB: ['word', 'name', 'parameters'],
  TLSA: ['word', 'word', 'word', 'hex'],
  TXT: ['text'],
};

const rest: readonly Part[] = ['hex', 'parameters', 'text'];
const mostCharacters = 4_096;

export function isDeclarable(type: string): boolean {
  return Object.hasOwn(shapes, type);
}

/** The words after the type as a DNSRecord has them; `undefined` when they are no data of that type. `origin` ends names that have no dot at their end. */
export function valueOf(type: string, words: readonly Word[], origin: string): string | undefined {
  const shape = shapes[type] ?? [];
  const last = shape.at(-1);
  const takesRest = last !== undefined && rest.includes(last);
  if (words.length < shape.length - (last === 'parameters' ? 1 : 0)) return undefined;
  if (words.length > shape.length && !takesRest) return undefined;
  const parts = shape.map((part, index) =>
    spellings[part](part === last && takesRest ? words.slice(index) : words.slice(index, index + 1), origin),
  );
  if (parts.includes(undefined)) return undefined;
  const value = parts.filter((part) => part !== '' || type === 'TXT').join(' ');
  return isValue(type, value) ? value : undefined;
}

function isValue(type: string, value: string): boolean {
  if (value.length > mostCharacters || value.includes('\0')) return false;
  if (type === 'TXT') return true;
  const format = (RECORD_FORMATS as Readonly<Record<string, string>>)[type];
  return format !== undefined && new RegExp(format).test(value) && contentOf(type, value) !== undefined;
}

const spellings: Readonly<Record<Part, (words: readonly Word[], origin: string) => string | undefined>> = {
  word: ([word]) => plainOf(word),
  lower: ([word]) => plainOf(word)?.toLowerCase(),
  name: ([word], origin) => {
    const name = plainOf(word);
    return name === undefined ? undefined : unrooted(absoluteName(name, origin));
  },
  quoted: ([word]) => {
    const bytes = bytesOf(word?.text ?? '');
    return bytes === undefined ? undefined : `"${Buffer.from(bytes).toString('latin1')}"`;
  },
  hex: (words) => words.map(({ text }) => text.toLowerCase()).join(''),
  parameters: (words) => words.map(({ text }) => text.replaceAll('"', '')).join(' '),
  text: textOf,
};

function plainOf(word: Word | undefined): string | undefined {
  return word?.isQuoted === false ? word.text : undefined;
}

/** `mail` below `acme.example.` is `mail.acme.example.` */
export function absoluteName(name: string, origin: string): string {
  if (name === '@') return origin;
  return name.endsWith('.') ? name.toLowerCase() : `${name.toLowerCase()}.${origin === '.' ? '' : origin}`;
}

function unrooted(name: string): string {
  return name === '.' ? name : name.slice(0, -1);
}

function textOf(words: readonly Word[]): string | undefined {
  const parts = words.map(({ text }) => bytesOf(text));
  if (parts.includes(undefined)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from((parts as readonly (readonly number[])[]).flat()),
    );
  } catch {
    return undefined;
  }
}

/** `\034` and `\"` are the letters that they stand for; what is not ASCII is taken as UTF-8. `undefined`: no such byte. */
function bytesOf(text: string): readonly number[] | undefined {
  const bytes: number[] = [];
  for (const [, number, escaped, letters] of text.matchAll(/\\(\d{3})|\\(\D?)|([^\\]+)/gsu)) {
    if (escaped === '' || Number(number ?? 0) > 255) return undefined;
    if (number !== undefined) bytes.push(Number(number));
    for (const byte of Buffer.from(escaped ?? letters ?? '')) bytes.push(byte);
  }
  return bytes;
}
