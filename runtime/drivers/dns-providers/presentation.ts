import { contentOf } from '#schemas/meta/record-content.ts';
import { entriesOf, FaultError, type Word } from '#runtime/dns/zone-file/entries.ts';
import { valueOf } from '#runtime/dns/zone-file/value.ts';

/** What a provider wrote as a zone file does, as `contentOf` spells it; `undefined` for what no DNSRecord could say. `origin` ends names without a dot at their end. */
export function contentOfPresented(type: string, text: string, origin = '.'): string | undefined {
  const value = valueOf(type, wordsIn(text), origin);
  return value === undefined ? undefined : contentOf(type, value);
}

/** The parts of a content, in order; without quotes, with the escapes in them. */
export function wordsOf(content: string): readonly string[] {
  return wordsIn(content).map(({ text }) => text);
}

/** The text of a TXT record's content. */
export function textOf(content: string): string {
  return valueOf('TXT', wordsIn(content), '.') ?? '';
}

/** `@` and `www` for the zone itself and what lies in it. */
export function nameIn(zone: string, name: string): string {
  return name === zone ? '@' : name.slice(0, -zone.length - 1);
}

/** Without the dot at its end, as providers write whole names; the root stays a dot. */
export function unrooted(name: string): string {
  return name === '.' ? name : name.replace(/\.$/, '');
}

function wordsIn(text: string): readonly Word[] {
  try {
    return [...entriesOf(text.replaceAll(/[\r\n]/g, ' '))].flatMap(({ words }) => words);
  } catch (err) {
    if (err instanceof FaultError) return [];
    throw err;
  }
}
