import type { KubeObject } from '#schemas/meta/object.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import { recordKey } from '#schemas/meta/record-set.ts';
import { PROVIDER_NAMES, type ProviderId } from '#runtime/drivers/dns-providers/model.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import {
  defineController,
  isPending,
  type Pending,
  type StatusInput,
  type StatusPatch,
} from '#runtime/manager/controller.ts';
import type { ClusterParts, ClusterWorld } from '#controllers/parts.ts';
import { providerIdOf } from '#controllers/zone-provider.ts';
import { namesakesWatch, recordIndexes, recordsIn } from '#controllers/zone-records.ts';
import { answerOf, answerStatus, probeAnswer, type RecordAnswer } from './answer.ts';

/** What the leader knows about a DNSRecord. */
export interface DnsRecordClusterInputs {
  readonly isZoneThere: boolean;
  /** Where its Zone is answered. */
  readonly host?: string;
  /** Where that is at a provider: what is answered, and whom to ask. */
  readonly provided?: ProvidedAnswer;
}

interface ProvidedAnswer extends RecordAnswer {
  readonly nameservers: readonly string[];
}

type NoDrivers = Readonly<Record<never, never>>;

/** Gives records to the host of their Zone; of those at a provider it says itself whether they are answered. */
export function createDnsRecordClusterController<W extends ClusterWorld>({ askNameServers }: ClusterParts<W>) {
  return defineController<typeof dnsRecordKind, W, NoDrivers, DnsRecordClusterInputs>({
    name: 'dns-record.cluster',
    kind: dnsRecordKind,
    drivers: {},
    indexes: recordIndexes,
    watches: [{ kind: zoneKind, keysOf: (zone, cache) => recordsIn(zone, cache).map(keyOf) }, namesakesWatch],
    gather: gatherRecord,
    desired: () => ({}),
    status: clusterStatus,
    probe: async (record, { provided }, _world, signal) => {
      if (provided === undefined) return [];
      const { nameservers } = provided;
      return [await probeAnswer(record, provided, (question) => askNameServers(nameservers, question, signal))];
    },
  });
}

function keyOf({ metadata }: KubeObject): ObjectKey {
  return { namespace: metadata.namespace, name: metadata.name };
}

function gatherRecord(record: DNSRecord, cache: Cache): DnsRecordClusterInputs | Pending {
  const { namespace } = record.metadata;
  const zone = cache.get(zoneKind, { namespace, name: record.spec.zoneRef.name });
  const provider = zone && providerIdOf(zone);
  if (zone !== undefined && provider !== undefined) {
    const provided = answerAt(provider, record, { zone, cache });
    return isPending(provided) ? provided : { isZoneThere: true, provided };
  }
  const host = zone?.status?.host;
  return { isZoneThere: zone !== undefined, ...(host === undefined ? {} : { host }) };
}

function answerAt(
  provider: ProviderId,
  record: DNSRecord,
  { zone, cache }: { readonly zone: Zone; readonly cache: Cache },
): ProvidedAnswer | Pending {
  const nameservers = zone.status?.nameservers;
  if (nameservers === undefined)
    return {
      pending: { reason: 'ZoneNotReady', message: `Zone ${zone.metadata.name} is not answered yet; it says why.` },
    };
  const answer = answerOf(record, zone, cache);
  if (isPending(answer)) return answer;
  const isBlocked = zone.status?.provider?.blocked?.includes(recordKey(answer.name, record.spec.type)) === true;
  if (!isBlocked || !answer.verdict.isAnswered) return { ...answer, nameservers };
  const message = `${PROVIDER_NAMES[provider]} has other records of ${answer.name} that were not made here: delete them there, or declare what they say.`;
  return { ...answer, nameservers, verdict: { isAnswered: false, reason: 'RecordForeign', message } };
}

function clusterStatus(
  { spec }: DNSRecord,
  { inputs, outcome, probes }: StatusInput<DnsRecordClusterInputs, NoDrivers>,
): StatusPatch<typeof dnsRecordKind> {
  const { host, isZoneThere = false, provided } = inputs ?? {};
  if (provided !== undefined || inputs === undefined) return answerStatus(provided, outcome, probes);
  if (host !== undefined) return { fields: { host }, conditions: [] };
  const { name } = spec.zoneRef;
  const cause = isZoneThere
    ? { reason: 'ZoneNotReady', message: `Zone ${name} has no host yet; it says why.` }
    : { reason: 'ZoneNotFound', message: `There is no Zone ${name} in this namespace.` };
  return { fields: {}, conditions: [{ type: 'Ready', status: 'False', ...cause }] };
}
