import { contentOf } from '#schemas/meta/record-content.ts';
import { entriesOf, FaultError, type Word } from '#runtime/dns/zone-file/entries.ts';
import { valueOf } from '#runtime/dns/zone-file/value.ts';

/** What a provider wrote as a zone file does, names with or without the dot at their end, as `contentOf` spells it; `undefined` for what no DNSRecord could say. */
export function contentOfPresented(type: string, text: string): string | undefined {
  const value = valueOf(type, wordsIn(text), '.');
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
