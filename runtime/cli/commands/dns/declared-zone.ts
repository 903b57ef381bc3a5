import { findCondition } from '#schemas/meta/conditions.ts';
import { parseDurationSeconds } from '#schemas/meta/duration.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { contentOf, wholeName } from '#schemas/meta/record-content.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { listAll, notFound } from '#runtime/cli/commands/get.ts';
import type { Session } from '#runtime/cli/session.ts';

/** What a DNSRecord says, as a name server would. */
export interface DeclaredSet {
  /** Name of the DNSRecord. */
  readonly object: string;
  /** The object that it follows from; `undefined` when people declared it. */
  readonly owner: string | undefined;
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  readonly contents: readonly string[];
  /** What became of it: `Answered`, or why it is not. */
  readonly reason: string;
  readonly message: string;
}

/** All objects of a namespaced kind in the session's namespace. */
export async function listHere<T extends KubeObject>(session: Session, kind: KindDefinition): Promise<readonly T[]> {
  const namespace = await session.namespace();
  return (await listAll(await session.client(), resourceTypeOf(kind), { namespace })) as readonly T[];
}

/** The Zone of this object name or, failing that, of this name in the DNS. ApiError when there is none. */
export async function zoneNamed(session: Session, word: string): Promise<Zone> {
  const zones = await listHere<Zone>(session, zoneKind);
  const zone = zones.find(({ metadata }) => metadata.name === word) ?? answeredFirst(zones, word);
  if (zone === undefined) throw notFound(resourceTypeOf(zoneKind), word);
  return zone;
}

/** Of several Zones of one name the one that is answered. */
export function answeredFirst(zones: readonly Zone[], name: string): Zone | undefined {
  const namesakes = zones.filter(({ spec }) => spec.name === name);
  return namesakes.find(({ status }) => status?.servedBy !== undefined) ?? namesakes[0];
}

/** What is declared in a Zone. */
export async function declaredIn(session: Session, zone: Zone): Promise<readonly DeclaredSet[]> {
  const records = await listHere<DNSRecord>(session, dnsRecordKind);
  return records.filter(({ spec }) => spec.zoneRef.name === zone.metadata.name).map((record) => setOf(zone, record));
}

function setOf(zone: Zone, { metadata, spec, status }: DNSRecord): DeclaredSet {
  const { reason = 'Pending', message = '' } = findCondition(status?.conditions, 'Ready') ?? {};
  return {
    object: metadata.name,
    owner: metadata.annotations?.[ANNOTATIONS.owner],
    name: wholeName(spec.name, zone.spec.name),
    type: spec.type,
    ttlSeconds: parseDurationSeconds(spec.ttl ?? zone.spec.ttl) ?? 0,
    contents: spec.values.map((value) => contentOf(spec.type, value) ?? value),
    reason,
    message,
  };
}

/** What name servers are to answer under each name and type: objects may share one of TXT. ALIAS stands for what is elsewhere. */
export function answeredSets(declared: readonly DeclaredSet[]): readonly Omit<DeclaredSet, 'object' | 'owner'>[] {
  const answered = declared.filter(({ reason, type }) => reason === 'Answered' && type !== 'ALIAS');
  return [...Map.groupBy(answered, ({ name, type }) => `${name} ${type}`).values()].flatMap((sets) => {
    const [first] = sets;
    return first === undefined
      ? []
      : [{ ...first, contents: [...new Set(sets.flatMap(({ contents }) => contents))].toSorted() }];
  });
}
