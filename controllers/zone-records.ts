import { parseDurationSeconds } from '#schemas/meta/duration.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { contentOf, wholeName } from '#schemas/meta/record-content.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { takesRecord } from '#runtime/drivers/dns-providers/index.ts';
import { PROVIDER_NAMES } from '#runtime/drivers/dns-providers/model.ts';
import type { Zone } from '#schemas/v1alpha1/zone.ts';
import { excludesType, recordKey, type RecordSet } from '#schemas/meta/record-set.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { providerIdOf } from './zone-provider.ts';

/** Whether what an object declares is answered, and why not. */
export interface Verdict {
  readonly isAnswered: boolean;
  readonly reason: string;
  readonly message: string;
}

/** One record set that somebody wants. */
export interface Candidate {
  /** What people declare counts for more than what follows from a site, that for more than what the package gives, and that for more than what every zone has. */
  readonly source: 'Declared' | 'Derived' | 'Package' | 'Platform';
  /** Name of the DNSRecord; empty for what every zone has. */
  readonly object: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** The whole name, with the dot at its end. */
  readonly name: string;
  readonly type: string;
  readonly set: RecordSet;
}

/** What is answered, by `recordKey`, and what becomes of each DNSRecord, by its name. */
export interface Settled {
  readonly sets: ReadonlyMap<string, RecordSet>;
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

const BY_ZONE = 'zone';
const BY_NAME = 'recordName';

/** DNSRecords by their zone, and by zone and name: whether one is answered hangs on those of the same name only. */
export const recordIndexes = [
  { kind: dnsRecordKind, index: { name: BY_ZONE, valuesOf: (record: KubeObject) => [zoneOf(record as DNSRecord)] } },
  {
    kind: dnsRecordKind,
    index: {
      name: BY_NAME,
      valuesOf: (record: KubeObject) => [`${zoneOf(record as DNSRecord)} ${(record as DNSRecord).spec.name}`],
    },
  },
];

function zoneOf({ metadata, spec }: DNSRecord): string {
  return `${metadata.namespace ?? ''}/${spec.zoneRef.name}`;
}

/** All records that are declared in a zone. */
export function recordsIn(zone: Pick<Zone, 'metadata'>, cache: Cache): readonly DNSRecord[] {
  return cache.byIndex(dnsRecordKind, BY_ZONE, `${zone.metadata.namespace ?? ''}/${zone.metadata.name}`);
}

/** Records of the same name in the same zone, the record itself among them. */
export function namesakesOf(record: DNSRecord, cache: Cache): readonly DNSRecord[] {
  return cache.byIndex(dnsRecordKind, BY_NAME, `${zoneOf(record)} ${record.spec.name}`);
}

/** `300` of `5m`, as far as an answer can say it. */
export function ttlSecondsOf(duration: string): number {
  return Math.min(parseDurationSeconds(duration) ?? 0, 2 ** 31 - 1);
}

/** What is answered of these records, together with what every zone has. Which of two wins is the same in whatever order they come. */
export function settleRecords(zone: Zone, records: readonly DNSRecord[], platform: readonly Candidate[]): Settled {
  const sets = new Map<string, RecordSet>();
  const verdicts = new Map<string, Verdict>();
  const candidates = [...platform];
  for (const record of records) {
    if (record.metadata.deletionTimestamp !== undefined) continue;
    const candidate = candidateOf(zone, record);
    if ('reason' in candidate) verdicts.set(record.metadata.name, candidate);
    else candidates.push(candidate);
  }
  for (const namesakes of Map.groupBy(candidates, ({ name }) => name).values()) {
    settleName(namesakes.toSorted(compareCandidates), { sets, verdicts });
  }
  return { sets, verdicts };
}

function allowedName(zone: Zone, spec: DNSRecord['spec']): string | Verdict {
  const { name: zoneName } = zone.spec;
  if (spec.name === zoneName || spec.name.endsWith(`.${zoneName}`)) {
    const message = `The name is one within ${zoneName}: leave ${zoneName} away, or write @ for the zone itself.`;
    return refused('NameNotRelative', message);
  }
  const name = wholeName(spec.name, zoneName);
  return name.length > 254 ? refused('NameTooLong', `${name} is longer than a name may be.`) : name;
}

function candidateOf(zone: Zone, { metadata, spec }: DNSRecord): Candidate | Verdict {
  const name = allowedName(zone, spec);
  if (typeof name !== 'string') return name;
  const provider = providerIdOf(zone);
  if (provider !== undefined && !takesRecord(provider, spec.type, spec.name === '@'))
    return refused('TypeUnsupported', unsupported(PROVIDER_NAMES[provider], spec));
  const contents = spec.values.map((value) => contentOf(spec.type, value));
  const wrong = contents.indexOf(undefined);
  if (wrong >= 0)
    return refused('InvalidValue', `${spec.values[wrong] ?? ''} cannot be the value of a record of type ${spec.type}.`);
  return {
    source: sourceOf(metadata.annotations?.[ANNOTATIONS.owner]),
    object: metadata.name,
    createdAt: metadata.creationTimestamp ?? '',
    name,
    type: spec.type,
    set: {
      ttlSeconds: ttlSecondsOf(spec.ttl ?? zone.spec.ttl),
      contents: [...new Set(contents as readonly string[])].toSorted(),
    },
  };
}

function unsupported(provider: string, { type, name }: DNSRecord['spec']): string {
  const instead = type === 'ALIAS' ? 'declare its addresses as A and AAAA' : 'take it away, or move the zone';
  return `${provider} has no records of type ${type}${name === '@' ? ' at the zone itself' : ' at this place'}: ${instead}.`;
}

/** By the object that a record follows from. */
function sourceOf(owner: string | undefined): Candidate['source'] {
  if (owner === undefined) return 'Declared';
  return owner.startsWith('Zone/') ? 'Package' : 'Derived';
}

const ranks = { Declared: 0, Derived: 1, Package: 2, Platform: 3 } as const;

function compareCandidates(a: Candidate, b: Candidate): number {
  const [one, two] = [a, b].map(({ source, createdAt, object }) => `${ranks[source]} ${createdAt} ${object}`);
  return (one ?? '') < (two ?? '') ? -1 : 1;
}

const answered: Verdict = { isAnswered: true, reason: 'Answered', message: 'The name server answers with the record.' };

function refused(reason: string, message: string): Verdict {
  return { isAnswered: false, reason, message };
}

/** Those that count for more first: each is taken unless one before it stands in its way. */
function settleName(
  candidates: readonly Candidate[],
  into: { readonly sets: Map<string, RecordSet>; readonly verdicts: Map<string, Verdict> },
): void {
  const taken: Candidate[] = [];
  for (const candidate of candidates) {
    const key = recordKey(candidate.name, candidate.type);
    const before = taken.find((other) => excludes(other, candidate));
    if (before === undefined) {
      taken.push(candidate);
      into.sets.set(key, merged(into.sets.get(key), candidate.set));
    }
    if (candidate.object !== '')
      into.verdicts.set(candidate.object, before === undefined ? answered : lost(candidate, before));
  }
}

/** Texts of several objects stand beside each other: each proves something else. Any other set is one object's alone, or the same in all. */
function excludes(one: Candidate, two: Candidate): boolean {
  if (one.type === two.type) {
    if (one.type === 'TXT') return one.source !== two.source && isOnePolicy(one, two);
    return one.set.contents.join('\n') !== two.set.contents.join('\n');
  }
  return excludesType(one.type, two.type);
}

/** Of two policies of one kind at a name neither counts (RFC 7208 §4.5, RFC 7489 §6.6.3). */
function isOnePolicy(one: Candidate, two: Candidate): boolean {
  const [ones, twos] = [one, two].map(
    ({ set }) => new Set(set.contents.flatMap((text) => /^"v=([a-z]+[0-9])/i.exec(text)?.[1]?.toLowerCase() ?? [])),
  );
  return ones !== undefined && twos !== undefined && !ones.isDisjointFrom(twos);
}

function lost({ source, name, type }: Candidate, winner: Candidate): Verdict {
  const by = winner.object === '' ? 'every zone has it' : `DNSRecord ${winner.object} says what is answered`;
  const what = `${winner.type} of ${name}`;
  if (winner.source === 'Declared' && source !== 'Declared') {
    return refused('Overridden', `Somebody declared ${what} (${winner.object}), which counts for more.`);
  }
  if (winner.source === 'Derived' && source === 'Package') {
    return refused('Overridden', `${what} follows from a Domain (${winner.object}), which counts for more.`);
  }
  if (winner.type !== type) return refused('RecordConflict', `${type} cannot stand beside ${what}; ${by}.`);
  return refused('RecordTaken', `${what} is there already: ${by}.`);
}

function merged(before: RecordSet | undefined, set: RecordSet): RecordSet {
  if (before === undefined) return set;
  return {
    ttlSeconds: Math.min(before.ttlSeconds, set.ttlSeconds),
    contents: [...new Set([...before.contents, ...set.contents])].toSorted(),
  };
}
