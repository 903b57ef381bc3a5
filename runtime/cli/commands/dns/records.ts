import { answeredUnder, type AnsweredRecord } from '#schemas/meta/record-answer.ts';
import { rootedName } from '#schemas/meta/record-content.ts';
import type { Zone } from '#schemas/v1alpha1/zone.ts';
import { askFirst } from '#runtime/dns/lookup.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import type { Session } from '#runtime/cli/session.ts';
import { declaredIn, zoneNamed, type DeclaredSet } from './declared-zone.ts';
import { mapSome } from './map-some.ts';
import { lookupFor, type DnsOptions } from './server-flag.ts';

/** One record that is answered, or was to be. */
export interface Row {
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  readonly content: string;
  /** The object that it follows from, the DNSRecord that people declared, or `every zone`. */
  readonly origin: string;
  /** `Answered`, or why it is not. */
  readonly state: string;
  readonly message: string;
}

/** `wcpctl dns records ZONE`: what the name server answers, by name, and whatever is declared but not answered. */
export async function showRecords(session: Session, word: string, options: DnsOptions): Promise<void> {
  const rows = await recordsOf(session, await zoneNamed(session, word), options);
  const { out } = session.io;
  if (options.output === 'json') return out(`${JSON.stringify(rows, undefined, 4)}\n`);
  const cells = rows.map(({ name, type, ttlSeconds, content, origin, state }) => [
    name,
    type,
    String(ttlSeconds),
    origin,
    state,
    content,
  ]);
  out(formatColumns([['NAME', 'TYPE', 'TTL', 'ORIGIN', 'STATE', 'VALUE'], ...cells]));
}

/** The zone itself first. HostError when no name server answers. */
export async function recordsOf(session: Session, zone: Zone, options: DnsOptions): Promise<readonly Row[]> {
  const declared = await declaredIn(session, zone);
  const lookup = await lookupFor(session, options, zone.spec.name);
  const servers = await lookup.serversNamed(zone.status?.nameservers ?? []);
  const rows = await mapSome(questionsOf(zone, declared), async (question) => {
    // Nobody answers with ALIAS itself.
    if (question.type === 'ALIAS') return rowsOf(question, []);
    return rowsOf(question, answeredUnder(await askFirst(lookup, servers, question), question));
  });
  return rows.flat();
}

/** One name and type, and the objects that have something to say there. */
interface Question {
  readonly name: string;
  readonly type: string;
  readonly declared: readonly DeclaredSet[];
}

function questionsOf(zone: Zone, declared: readonly DeclaredSet[]): readonly Question[] {
  const apex = rootedName(zone.spec.name);
  const inside = (zone.status?.nameservers ?? []).map(rootedName).filter((name) => name.endsWith(`.${apex}`));
  const everyZone = [
    [apex, 'SOA'],
    [apex, 'NS'],
    ...inside.flatMap((name) => [
      [name, 'A'],
      [name, 'AAAA'],
    ]),
  ];
  const questions = new Map(everyZone.map(([name = '', type = '']) => [`${name} ${type}`, { name, type }]));
  for (const { name, type } of declared) questions.set(`${name} ${type}`, { name, type });
  return [...questions.values()]
    .map((question) => ({
      ...question,
      declared: declared.filter(({ name, type }) => name === question.name && type === question.type),
    }))
    .toSorted((a, b) => compare(sortKey(a), sortKey(b)));
}

/** The zone itself first, then what is below it, name by name. */
function sortKey({ name, type }: Question): string {
  const labels = name.split('.').toReversed().join('.');
  return `${labels} ${type === 'SOA' ? '' : type}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function rowsOf({ name, type, declared }: Question, answered: readonly AnsweredRecord[]): readonly Row[] {
  const taken = declared.filter(({ reason }) => reason === 'Answered');
  const rows = answered.map(({ ttlSeconds, content }, index): Row => {
    // Types that are not looked into are told as they were declared.
    const told = content ?? taken.flatMap(({ contents }) => contents)[index] ?? '';
    const makers = taken.filter(({ contents }) => contents.includes(told)).map(originOf);
    return {
      name,
      type,
      ttlSeconds,
      content: told,
      origin: makers.join(', ') || 'every zone',
      state: 'Answered',
      message: '',
    };
  });
  const told = new Set(rows.map(({ content }) => content));
  const untold = declared.flatMap((set) =>
    set.contents
      .filter((content) => set.reason !== 'Answered' || !told.has(content))
      .map((content): Row => {
        const { ttlSeconds, message } = set;
        return { name, type, ttlSeconds, content, origin: originOf(set), state: stateOf(set), message };
      }),
  );
  // Servers tell the records of a set in any order.
  return [...rows.toSorted((a, b) => compare(a.content, b.content)), ...untold];
}

function originOf({ object, owner }: DeclaredSet): string {
  return owner ?? `DNSRecord ${object}`;
}

function stateOf({ type, reason }: DeclaredSet): string {
  return reason === 'Answered' && type !== 'ALIAS' ? 'NotAnswered' : reason;
}
