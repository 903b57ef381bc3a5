import { PATTERNS } from '#schemas/meta/patterns.ts';
import { rootedName } from '#schemas/meta/record-content.ts';
import { entriesOf, FaultError, type Entry, type Fault, type Word } from './entries.ts';
import { absoluteName, isDeclarable, valueOf } from './value.ts';

/** One record, as a DNSRecord has it. */
export interface ParsedRecord {
  readonly line: number;
  /** Within the zone; `@` is the zone itself. */
  readonly name: string;
  readonly type: string;
  /** `undefined`: the file says nothing of it. */
  readonly ttlSeconds: number | undefined;
  readonly value: string;
}

/** What a file of a zone holds. */
export interface ParsedZone {
  readonly records: readonly ParsedRecord[];
  /** Records that the name server makes by itself, with the reason why they are left out. */
  readonly skipped: readonly (Fault & { readonly type: string })[];
  /** With any of these the file says something that would be lost. */
  readonly faults: readonly Fault[];
}

interface Reading {
  readonly zone: string;
  origin: string;
  defaultTtl: number | undefined;
  lastTtl: number | undefined;
  lastName: string | undefined;
  readonly records: ParsedRecord[];
  readonly skipped: (Fault & { readonly type: string })[];
}

/** Reads a file in BIND's format, without following it anywhere else. Total: whatever text comes in. `zone` is its name, and the first origin. */
export function parseZoneFile(text: string, zone: string): ParsedZone {
  const reading: Reading = {
    zone: rootedName(zone),
    origin: rootedName(zone),
    defaultTtl: undefined,
    lastTtl: undefined,
    lastName: undefined,
    records: [],
    skipped: [],
  };
  const faults: Fault[] = [];
  const noting = (act: () => void): void => {
    try {
      act();
    } catch (err) {
      if (!(err instanceof FaultError)) throw err;
      faults.push(err.fault);
    }
  };
  noting(() => {
    for (const entry of entriesOf(text.replace(/^\uFEFF/, ''))) noting(() => readEntry(entry, reading));
  });
  return { records: reading.records, skipped: reading.skipped, faults };
}

function readEntry(entry: Entry, reading: Reading): void {
  const [first] = entry.words;
  if (first?.isQuoted === false && !entry.isContinued && first.text.startsWith('$')) readDirective(entry, reading);
  else readRecord(entry, reading);
}

function readDirective({ line, words: [directive, argument] }: Entry, reading: Reading): void {
  const name = directive?.text.toUpperCase() ?? '';
  const text = argument?.text ?? '';
  switch (name) {
    case '$ORIGIN':
      if (text === '') throw new FaultError(line, '$ORIGIN has no name.');
      reading.origin = absoluteName(text, reading.origin);
      return;
    case '$TTL':
      reading.defaultTtl = ttlOf(text);
      if (reading.defaultTtl === undefined) throw new FaultError(line, `$TTL has no time, but "${text}".`);
      return;
    default:
      throw new FaultError(line, `${name} is not followed: put what it stands for into the file itself.`);
  }
}

/** What the server makes by itself, and why. */
const made: Readonly<Record<string, string>> = {
  SOA: 'the server makes its own',
  ...Object.fromEntries(
    ['CDNSKEY', 'CDS', 'DNSKEY', 'NSEC', 'NSEC3', 'NSEC3PARAM', 'RRSIG'].map((type) => [
      type,
      'the server signs by keys of its own',
    ]),
  ),
};

function readRecord(entry: Entry, reading: Reading): void {
  const { line } = entry;
  const words = [...entry.words];
  const whole = entry.isContinued ? reading.lastName : ownerOf(words.shift(), reading.origin);
  if (whole === undefined) throw new FaultError(line, 'The first record has no name.');
  reading.lastName = whole;
  const { ttlSeconds, type } = readHead(words, line);
  reading.lastTtl = ttlSeconds ?? reading.lastTtl;
  const name = nameWithin(whole, reading.zone);
  if (name === undefined) throw new FaultError(line, `${whole} is not a name in ${reading.zone}`);
  const reason = name === '@' && type === 'NS' ? 'spec.nameservers of the Zone says them' : made[type];
  if (reason !== undefined) {
    reading.skipped.push({ line, type, message: `${type} of ${whole} is left out: ${reason}.` });
    return;
  }
  const value = readValue(type, words, { line, origin: reading.origin });
  reading.records.push({ line, name, type, ttlSeconds: ttlSeconds ?? reading.defaultTtl ?? reading.lastTtl, value });
}

function readValue(
  type: string,
  words: readonly Word[],
  { line, origin }: { readonly line: number; readonly origin: string },
): string {
  if (!isDeclarable(type)) throw new FaultError(line, `There are no records of type ${type} here.`);
  const value = valueOf(type, words, origin);
  if (value === undefined) throw new FaultError(line, `That is no ${type}: ${shown(words)}`);
  return value;
}

function ownerOf(word: Word | undefined, origin: string): string | undefined {
  return word === undefined || word.isQuoted ? undefined : absoluteName(word.text, origin);
}

/** Takes time to live, class and type away, the first two in whatever order, and each but once. */
function readHead(words: Word[], line: number): { readonly ttlSeconds: number | undefined; readonly type: string } {
  let ttlSeconds: number | undefined;
  let isClassSaid = false;
  for (let word = words.shift(); word !== undefined && !word.isQuoted; word = words.shift()) {
    const text = word.text.toUpperCase();
    const ttl = ttlSeconds === undefined ? ttlOf(text) : undefined;
    if (ttl !== undefined) ttlSeconds = ttl;
    else if (!isClassSaid && classes.includes(text)) {
      if (text !== 'IN') throw new FaultError(line, `There are no records of class ${text} here.`);
      isClassSaid = true;
    } else return { ttlSeconds, type: text };
  }
  throw new FaultError(line, 'The record has no type.');
}

const classes = ['IN', 'CH', 'HS', 'CS'];
const unitSeconds: Readonly<Record<string, number>> = { S: 1, M: 60, H: 3_600, D: 86_400, W: 604_800 };
/** RFC 2181 §8. */
const mostSeconds = 2 ** 31 - 1;

/** `300`, `1h30m`, `1W`. */
function ttlOf(text: string): number | undefined {
  if (!/^(\d{1,10}|(\d{1,10}[SMHDW])+)$/i.test(text)) return undefined;
  let seconds = 0;
  for (const [, count, unit = 'S'] of text.toUpperCase().matchAll(/(\d+)([SMHDW])?/g))
    seconds += Number(count) * (unitSeconds[unit] ?? 1);
  return seconds <= mostSeconds ? seconds : undefined;
}

const recordName = new RegExp(PATTERNS.recordName);

function nameWithin(whole: string, zone: string): string | undefined {
  if (whole === zone) return '@';
  const name = whole.endsWith(`.${zone}`) ? whole.slice(0, -zone.length - 1) : '';
  return recordName.test(name) && name !== '@' && whole.length <= 254 ? name : undefined;
}

function shown(words: readonly Word[]): string {
  const text = words
    .slice(0, 20)
    .map(({ text, isQuoted }) => (isQuoted ? `"${text}"` : text))
    .join(' ');
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
