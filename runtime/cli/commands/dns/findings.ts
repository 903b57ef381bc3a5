import { answersWith, type AnsweredRecord, type NameServerAnswer } from '#schemas/meta/record-answer.ts';
import { rootedName } from '#schemas/meta/record-content.ts';
import { issuersIn, parseAuthorization } from '#runtime/dns/caa.ts';
import type { DeclaredSet } from './declared-zone.ts';

/** What one look at the world showed. */
export interface Finding {
  readonly check: 'Delegation' | 'NameServers' | 'DS' | 'CAA' | 'Addresses';
  /** Unknown: nobody could be asked. */
  readonly state: 'Right' | 'Wrong' | 'Unknown';
  /** A full sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What the zone above says of the zone, against what it is to say. */
export interface Delegation {
  readonly zone: string;
  readonly parent: string;
  readonly nameservers: readonly string[];
  readonly answer: NameServerAnswer;
}

/** Whether the zone above names our servers and no others, with addresses of those that lie in the zone itself. */
export function delegationFinding({ zone, parent, nameservers, answer }: Delegation): Finding {
  const check = 'Delegation';
  if (answer.isAuthoritative && answer.records.length > 0) {
    const message = `The server that was asked has both ${parent} and ${zone}: what ${parent} says cannot be told apart.`;
    return { check, state: 'Unknown', message };
  }
  const ours = new Set(nameservers.map(rootedName));
  const theirs = new Set(contentsOf([...answer.records, ...answer.authorities], zone, 'NS'));
  if (!isSame(ours, theirs)) {
    const message = theirs.size === 0 ? `${parent} delegates ${zone} to nobody.` : `${parent} names ${listed(theirs)}.`;
    const advice = `At the registrar of ${zone}, enter these name servers and no others: ${listed(ours)}.`;
    return { check, state: 'Wrong', message, advice };
  }
  const glued = new Set(answer.additionals.filter(({ type }) => ['A', 'AAAA'].includes(type)).map(({ name }) => name));
  const bare = [...ours].filter((name) => name.endsWith(`.${rootedName(zone)}`) && !glued.has(name));
  if (bare.length === 0) return { check, state: 'Right', message: `${parent} names ${listed(ours)}.` };
  const message = `${parent} names ${listed(bare)} without an address (glue).`;
  const advice = `At the registrar of ${zone}, enter the addresses of ${listed(bare)}, too.`;
  return { check, state: 'Wrong', message, advice };
}

/** What the zone above vouches for, against the keys that sign. */
export function dsFinding({
  zone,
  parent,
  declared,
  answer,
}: {
  readonly zone: string;
  readonly parent: string;
  /** As in `status.dnssec.keys`. */
  readonly declared: readonly string[];
  readonly answer: NameServerAnswer;
}): Finding {
  const check = 'DS';
  const ours = declared.map((ds) => ds.toLowerCase());
  const theirs = contentsOf(answer.records, zone, 'DS');
  const fitting = theirs.filter((ds) => ours.includes(ds));
  const strange = theirs.filter((ds) => !ours.includes(ds));
  if (strange.length > 0) {
    const effect = fitting.length === 0 ? ': whoever validates cannot look the zone up' : '';
    const message = `${parent} has a DS of no key of ours (${strange.join('; ')})${effect}.`;
    const instead = fitting.length > 0 || ours.length === 0 ? '' : `, and enter ${ours.join('; ')}`;
    return {
      check,
      state: 'Wrong',
      message,
      advice: `At the registrar of ${zone}, take the DS ${strange.join('; ')} away${instead}.`,
    };
  }
  if (ours.length === 0) return { check, state: 'Right', message: 'The zone is not signed, and there is no DS.' };
  if (fitting.length > 0) return { check, state: 'Right', message: `${parent} has the DS of our key.` };
  const message = `The zone is signed, but ${parent} has no DS: nobody checks it.`;
  return { check, state: 'Wrong', message, advice: `At the registrar of ${zone}, enter the DS ${ours.join('; ')}.` };
}

/** What one server answered for the zone, or the words of its silence. */
export interface ServerAnswers {
  readonly server: string;
  readonly soa: NameServerAnswer | string;
  /** Name and type of sets that it answers otherwise than declared. */
  readonly differing: readonly string[];
}

/** Whether each server of the zone says the same, which is what is declared. */
export function serverFindings(
  zone: string,
  { serial, count }: { readonly serial: number | undefined; readonly count: number },
  servers: readonly ServerAnswers[],
): readonly Finding[] {
  const newest = Math.max(serial ?? 0, ...servers.map(({ soa }) => serialOf(soa) ?? 0));
  return servers.map(({ server, soa, differing }): Finding => {
    const check = 'NameServers';
    const found = serialOf(soa);
    if (typeof soa === 'string' || found === undefined) {
      const message = typeof soa === 'string' ? soa : `${server} does not speak for ${zone}.`;
      return {
        check,
        state: 'Wrong',
        message,
        advice: `See that ${server} is reached on port 53 by UDP and TCP, and has the zone.`,
      };
    }
    if (found !== newest) {
      const message = `${server} has serial number ${found}, and the newest is ${newest}.`;
      return {
        check,
        state: 'Wrong',
        message,
        advice: `If that stays, see that ${server} may fetch ${zone} and is told of changes (spec.transfer of the Zone).`,
      };
    }
    if (differing.length === 0)
      return {
        check,
        state: 'Right',
        message: `${server} answers all ${count} declared sets, serial number ${found}.`,
      };
    const message = `${server} answers otherwise than declared: ${shortened(differing)}.`;
    return { check, state: 'Wrong', message, advice: 'Look at what wcpctl dns records says of them.' };
  });
}

/** `www.acme.example. A` of the sets that an answer is not right for. */
export function differs(set: Pick<DeclaredSet, 'name' | 'type' | 'contents'>, answer: NameServerAnswer): boolean {
  return !answersWith(answer, set);
}

/** Whether the CA may issue for a name (RFC 8659 §4). `records` are the CAA records that count for it; none: everybody may. */
export function caaFinding(
  { name, caNames }: { readonly name: string; readonly caNames: readonly string[] },
  records: readonly AnsweredRecord[],
): Finding {
  const check = 'CAA';
  const declared = records.flatMap(({ content = '' }) => parseAuthorization(content) ?? []);
  const issuers = issuersIn(declared, name.startsWith('*.'));
  if (issuers === undefined) return { check, state: 'Right', message: `CAA keeps no CA from issuing for ${name}.` };
  const allowed = issuers.join(', ') || 'nobody';
  const zone = records[0]?.name ?? rootedName(name);
  const [ca] = caNames;
  if (ca === undefined) {
    const message = `CAA of ${zone} allows ${allowed}; whether that is the CA of ${name} is not known. --ca tells its name.`;
    return { check, state: 'Unknown', message };
  }
  const known = caNames.find((each) => issuers.includes(each));
  if (known !== undefined) return { check, state: 'Right', message: `CAA of ${zone} allows ${known}.` };
  const advice = `Add a record CAA to ${zone} with the value 0 issue "${ca}", or take those away that are there.`;
  return { check, state: 'Wrong', message: `CAA of ${zone} allows ${allowed}, and not ${ca}.`, advice };
}

/** Whether a name leads to the host. */
export function addressFinding(
  {
    name,
    wanted,
    mayLeadElsewhere = false,
  }: { readonly name: string; readonly wanted: readonly string[]; readonly mayLeadElsewhere?: boolean },
  { status, records }: { readonly status: string; readonly records: readonly AnsweredRecord[] },
): Finding {
  const check = 'Addresses';
  const found = records.filter(({ type }) => ['A', 'AAAA'].includes(type)).flatMap(({ content }) => content ?? []);
  if (wanted.length === 0) {
    const says = found.length === 0 ? 'has no address' : `points to ${found.join(', ')}`;
    return { check, state: 'Unknown', message: `${name} ${says}; the host tells no public address.` };
  }
  const strange = found.filter((address) => !wanted.includes(address));
  if (found.length > 0 && strange.length === 0)
    return { check, state: 'Right', message: `${name} points to ${found.join(', ')}.` };
  if (found.length > 0 && mayLeadElsewhere) {
    const message = `${name} points to ${found.join(', ')}, which the issuer takes for a proxy before the host.`;
    return { check, state: 'Unknown', message };
  }
  const message =
    found.length === 0 ? `${name} has no address (${status}).` : `${name} points to ${strange.join(', ')}.`;
  const advice = `Whoever answers for ${name} has to point it to ${wanted.join(', ')}, and to nothing else.`;
  return { check, state: 'Wrong', message, advice };
}

function serialOf(soa: NameServerAnswer | string): number | undefined {
  if (typeof soa === 'string' || !soa.isAuthoritative) return undefined;
  const words = soa.records.find(({ type }) => type === 'SOA')?.content?.split(' ');
  return words === undefined ? undefined : Number(words[2]);
}

function contentsOf(records: readonly AnsweredRecord[], zone: string, type: string): readonly string[] {
  return records
    .filter((record) => record.type === type && record.name === rootedName(zone))
    .flatMap(({ content }) => content?.toLowerCase() ?? []);
}

function isSame(one: ReadonlySet<string>, two: ReadonlySet<string>): boolean {
  return one.size === two.size && one.isSubsetOf(two);
}

function listed(names: Iterable<string>): string {
  return [...names]
    .map((name) => name.replace(/\.$/, ''))
    .toSorted()
    .join(', ');
}

function shortened(names: readonly string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return `${names.slice(0, 5).join(', ')}${more}`;
}
