import type { KubeObject } from '#schemas/meta/object.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { zoneKind } from '#schemas/v1alpha1/zone.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { defineController, type Pending } from '#runtime/manager/controller.ts';
import type { HostParts, HostWorld } from '#controllers/parts.ts';
import { namesakesWatch, recordIndexes, recordsIn } from '#controllers/zone-records.ts';
import { answerOf, answerStatus, probeAnswer, type RecordAnswer } from './answer.ts';

/** A DNSRecord on the host of its Zone: whether it is answered. The Zone itself brings that about. */
export function createDnsRecordHostController<W extends HostWorld>({ hostName, askNameServer }: HostParts<W>) {
  return defineController<typeof dnsRecordKind, W, Readonly<Record<never, never>>, RecordAnswer>({
    name: 'dns-record.host',
    kind: dnsRecordKind,
    drivers: {},
    indexes: recordIndexes,
    watches: [{ kind: zoneKind, keysOf: (zone, cache) => recordsIn(zone, cache).map(keyOf) }, namesakesWatch],
    concerns: ({ status }) => status?.host === hostName,
    gather: gatherRecord,
    desired: () => ({}),
    status: (_record, { inputs, outcome, probes }) => answerStatus(inputs, outcome, probes),
    probe: async (record, inputs, world, signal) => [
      await probeAnswer(record, inputs, async (question) => await askNameServer(world, question, signal)),
    ],
  });
}

function keyOf({ metadata }: KubeObject): ObjectKey {
  return { namespace: metadata.namespace, name: metadata.name };
}

function gatherRecord(record: DNSRecord, cache: Cache): RecordAnswer | Pending {
  const { metadata, spec } = record;
  const zone = cache.get(zoneKind, { namespace: metadata.namespace, name: spec.zoneRef.name });
  if (zone === undefined) {
    return { pending: { reason: 'ZoneNotFound', message: `There is no Zone ${spec.zoneRef.name} in this namespace.` } };
  }
  if (zone.status?.servedBy === undefined) {
    return {
      pending: { reason: 'ZoneNotReady', message: `Zone ${spec.zoneRef.name} is not answered yet; it says why.` },
    };
  }
  return answerOf(record, zone, cache);
}
