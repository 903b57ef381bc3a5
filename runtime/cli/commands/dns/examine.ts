import { HostError } from '#runtime/base/errors.ts';
import type { AnsweredRecord } from '#schemas/meta/record-answer.ts';
import { askFirst, namesAbove, type Lookup, type NameServer } from '#runtime/dns/lookup.ts';
import { answeredSets, type DeclaredSet } from './declared-zone.ts';
import {
  addressFinding,
  caaFinding,
  delegationFinding,
  differs,
  dsFinding,
  serverFindings,
  type Finding,
  type ServerAnswers,
} from './findings.ts';
import { mapSome } from './map-some.ts';

/** A zone as it is declared. */
export interface ExaminedZone {
  readonly name: string;
  readonly nameservers: readonly string[];
  readonly serial: number | undefined;
  /** DS of the keys that sign; `undefined` where nobody tells. */
  readonly ds: readonly string[] | undefined;
  readonly declared: readonly DeclaredSet[];
}

/** A site as it is declared. */
export interface ExaminedSite {
  readonly hostnames: readonly string[];
  /** Where the names are to point to; empty when that is not known. */
  readonly addresses: readonly string[];
  /** That they lead elsewhere is known, and wanted: to a proxy that stands before the host. */
  readonly mayLeadElsewhere: boolean;
  /** By which names CAA records know its CA; empty when that is not known. */
  readonly caNames: readonly string[];
  /** No certificate of a CA is got for it. */
  readonly needsNoCa: boolean;
}

/** Looks at the zone from above, and then at each of its servers. */
export async function examineZone(zone: ExaminedZone, lookup: Lookup): Promise<readonly Finding[]> {
  return [...(await examineParent(zone, lookup)), ...(await examineServers(zone, lookup))];
}

function vouchedFinding(
  declared: readonly string[] | undefined,
  found: Omit<Parameters<typeof dsFinding>[0], 'declared'>,
): Finding {
  if (declared !== undefined) return dsFinding({ ...found, declared });
  return { check: 'DS', state: 'Unknown', message: 'The provider does not tell by which keys it signs the zone.' };
}

async function examineParent(
  { name: zone, nameservers, ds }: ExaminedZone,
  lookup: Lookup,
): Promise<readonly Finding[]> {
  const above = await lookup.above(zone);
  const unknown = (message: string): readonly Finding[] =>
    (['Delegation', 'DS'] as const).map((check) => ({ check, state: 'Unknown', message }));
  if (above === undefined) return unknown(`The server that was asked does not know who answers above ${zone}.`);
  const { zone: parent, servers } = above;
  try {
    const [delegation, vouched] = await Promise.all(
      ['NS', 'DS'].map(async (type) => await askFirst(lookup, servers, { name: zone, type })),
    );
    return [
      ...(delegation === undefined ? [] : [delegationFinding({ zone, parent, nameservers, answer: delegation })]),
      ...(vouched === undefined ? [] : [vouchedFinding(ds, { zone, parent, answer: vouched })]),
    ];
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    return unknown(`No server of ${parent} answers: ${err.message}.`);
  }
}

async function examineServers(zone: ExaminedZone, lookup: Lookup): Promise<readonly Finding[]> {
  const sets = answeredSets(zone.declared);
  const servers = await lookup.serversNamed(zone.nameservers);
  const answers = await Promise.all(
    servers.map(async (server) => await answersOf(zone.name, sets, { server, lookup })),
  );
  return serverFindings(zone.name, { serial: zone.serial, count: sets.length }, answers);
}

async function answersOf(
  zone: string,
  sets: ReturnType<typeof answeredSets>,
  { server: { name, server }, lookup }: { readonly server: NameServer; readonly lookup: Lookup },
): Promise<ServerAnswers> {
  if (server === undefined) return { server: name, soa: `${name} has no address.`, differing: [] };
  const label = `${name} (${server.address}${server.port === 53 ? '' : ` port ${server.port}`})`;
  try {
    const soa = await lookup.ask(server, zone, 'SOA');
    if (!soa.isAuthoritative) return { server: label, soa, differing: [] };
    const differing = await mapSome(sets, async (set) =>
      differs(set, await lookup.ask(server, set.name, set.type)) ? [`${set.type} of ${set.name}`] : [],
    );
    return { server: label, soa, differing: differing.flat() };
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    return { server: label, soa: `${label} does not answer.`, differing: [] };
  }
}

/** Looks where the names of a site lead, and who may certify them. */
export async function examineSite(site: ExaminedSite, lookup: Lookup): Promise<readonly Finding[]> {
  const findings = await Promise.all(
    site.hostnames.map(async (name) => {
      const [four, six] = [await lookup.resolve(name, 'A'), await lookup.resolve(name, 'AAAA')];
      const answer = { status: four.status, records: [...four.records, ...six.records] };
      const pointing = addressFinding(
        { name, wanted: site.addresses, mayLeadElsewhere: site.mayLeadElsewhere },
        answer,
      );
      if (site.needsNoCa) return [pointing];
      return [caaFinding({ name, caNames: site.caNames }, await countingCaa(name, lookup)), pointing];
    }),
  );
  return findings.flat();
}

/** Those of the name itself, else those of the nearest name above that has any (RFC 8659 §3). */
async function countingCaa(name: string, lookup: Lookup): Promise<readonly AnsweredRecord[]> {
  for (const each of [name, ...namesAbove(name)]) {
    const found = (await lookup.resolve(each, 'CAA')).records.filter(({ type }) => type === 'CAA');
    if (found.length > 0) return found;
  }
  return [];
}
