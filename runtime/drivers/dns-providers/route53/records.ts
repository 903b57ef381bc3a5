import { rootedName } from '#schemas/meta/record-content.ts';
import { recordKey } from '#schemas/meta/record-set.ts';
import type { FoundSet } from '#runtime/drivers/dns-providers/model.ts';
import { contentOfPresented } from '#runtime/drivers/dns-providers/presentation.ts';
import { element, elementsAt, textAt, type Element } from './xml.ts';

export const route53Types: ReadonlySet<string> = new Set([
  ...['A', 'AAAA', 'CAA', 'CNAME', 'DS', 'HTTPS', 'MX', 'NAPTR', 'NS', 'PTR', 'SRV', 'SSHFP', 'SVCB', 'TLSA', 'TXT'],
]);

/** A change of one set, as the API names them. CREATE fails where there is one already, DELETE where it is another one. */
export type ChangeAction = 'CREATE' | 'UPSERT' | 'DELETE';

export function changeElement(
  action: ChangeAction,
  key: { readonly name: string; readonly type: string },
  set: FoundSet,
) {
  // What is there is named in its own spelling, or it is another one.
  const values = set.ids ?? set.contents.map(inOctal);
  const records = values.map((value) => element('ResourceRecord', element('Value', value)));
  return element(
    'Change',
    element('Action', action),
    element(
      'ResourceRecordSet',
      element('Name', key.name),
      element('Type', key.type),
      element('TTL', set.ttlSeconds),
      element('ResourceRecords', ...records),
    ),
  );
}

/** A set as the API lists it. Aliases, and what is answered by weight, place or health, is nothing that a DNSRecord says. */
export function setIn(found: Element): readonly [key: string, set: FoundSet] {
  const type = textAt(found, 'Type');
  const values = elementsAt(found, 'ResourceRecords', 'ResourceRecord', 'Value').map(({ text }) => text);
  const spelled = values.map((value) => ({ value, content: contentOfPresented(type, inDecimal(value)) ?? '' }));
  const known = spelled.filter(({ content }) => content !== '').toSorted((a, b) => (a.content < b.content ? -1 : 1));
  const isPlain = known.length > 0 && known.length === values.length && textAt(found, 'SetIdentifier') === '';
  const key = recordKey(nameOf(textAt(found, 'Name')), type);
  return [
    key,
    {
      ttlSeconds: Number(textAt(found, 'TTL')),
      contents: known.map(({ content }) => content),
      ids: known.map(({ value }) => value),
      ...(isPlain ? {} : { isForeign: true }),
    },
  ];
}

/** Letters that are none of a hostname stand as numbers there: `\052.acme.example.` */
export function nameOf(text: string): string {
  return rootedName(
    text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
  );
}

/** Numbers of bytes are decimal in zone files (RFC 1035 §5.1), and octal here. */
export function inOctal(content: string): string {
  return escapesIn(content, (digits) => Number(digits).toString(8));
}

export function inDecimal(value: string): string {
  return escapesIn(value, (digits) => String(Number.parseInt(digits, 8)));
}

function escapesIn(text: string, spell: (digits: string) => string): string {
  return text.replaceAll(/\\(\d{3}|.)/gsu, (escape, escaped: string) =>
    /^\d{3}$/.test(escaped) ? `\\${spell(escaped).padStart(3, '0')}` : escape,
  );
}
