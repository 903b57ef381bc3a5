import { parseDurationSeconds } from '#schemas/meta/duration.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { contentOf, wholeName } from '#schemas/meta/record-content.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { takesRecord } from '#runtime/drivers/dns-providers/index.ts';
import { PROVIDER_NAMES } from '#runtime/drivers/dns-providers/model.ts';
import type { Zone } from '#schemas/v1alpha1/zone.ts';
import type { RecordSet } from '#schemas/meta/record-set.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Watch } from '#runtime/manager/controller.ts';
import { orderOf, refused, settleName, type Candidate, type Settled, type Verdict } from './settled-name.ts';
import { providerIdOf } from './zone-provider.ts';

/** DNSRecords of one name that are answered, those that count for more first: more of them only keep everybody busy. */
export const mostNamesakes = 128;

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
      orderOf: (record: KubeObject) => orderIn(record as DNSRecord),
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

/** Records of the same name in the same zone, the record itself among them, those that count for more first. */
function namesakesOf(record: DNSRecord, cache: Cache): readonly DNSRecord[] {
  return cache.byIndex(dnsRecordKind, BY_NAME, `${zoneOf(record)} ${record.spec.name}`);
}

/** Which of two wins may hang on the other, and the first that is one too many on those before it; what a status says is no news. */
export const namesakesWatch: Watch = {
  kind: dnsRecordKind,
  keysOf: (record, cache) =>
    namesakesOf(record as DNSRecord, cache)
      // Of several that came at once each pushed one beyond those that are answered.
      .slice(0, 2 * mostNamesakes)
      .map(({ metadata: { namespace, name } }) => ({ namespace, name })),
  isNews: ({ metadata }, previous, type) =>
    type !== 'modified' ||
    metadata.generation !== previous?.metadata.generation ||
    metadata.deletionTimestamp !== previous?.metadata.deletionTimestamp ||
    metadata.annotations?.[ANNOTATIONS.owner] !== previous?.metadata.annotations?.[ANNOTATIONS.owner],
};

const settledBefore = new WeakMap<readonly DNSRecord[], { readonly zone: Zone; readonly settled: Settled }>();

/** What is answered under a record's name, settled once for all who ask while neither the zone nor any namesake has changed. */
export function settleNamesakes(zone: Zone, record: DNSRecord, cache: Cache): Settled {
  const namesakes = namesakesOf(record, cache);
  const before = settledBefore.get(namesakes);
  if (before?.zone === zone) return before.settled;
  const settled = settleRecords(zone, namesakes, []);
  settledBefore.set(namesakes, { zone, settled });
  return settled;
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
  for (const namesakes of Map.groupBy(records, ({ spec }) => spec.name).values()) {
    for (const [index, record] of namesakes.toSorted(compareRecords).entries()) {
      if (record.metadata.deletionTimestamp !== undefined) continue;
      const candidate = index < mostNamesakes ? candidateOf(zone, record) : oneTooMany(record);
      if ('reason' in candidate) verdicts.set(record.metadata.name, candidate);
      else candidates.push(candidate);
    }
  }
  for (const namesakes of Map.groupBy(candidates, ({ name }) => name).values()) {
    settleName(namesakes, { sets, verdicts });
  }
  return { sets, verdicts };
}

function oneTooMany({ spec }: DNSRecord): Verdict {
  const message = `${mostNamesakes} DNSRecords of the name ${spec.name} count for more, and no more of one name are answered: put several values into one.`;
  return refused('TooManyRecords', message);
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

/** As its candidate's. */
function orderIn({ metadata }: DNSRecord): string {
  const { annotations, creationTimestamp, name: object } = metadata;
  return orderOf({ source: sourceOf(annotations?.[ANNOTATIONS.owner]), createdAt: creationTimestamp ?? '', object });
}

function compareRecords(a: DNSRecord, b: DNSRecord): number {
  return orderIn(a) < orderIn(b) ? -1 : 1;
}
