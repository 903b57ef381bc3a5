import type { KubeObject } from '#schemas/meta/object.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { zoneKind } from '#schemas/v1alpha1/zone.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { defineController, type StatusPatch } from '#runtime/manager/controller.ts';
import type { ClusterParts, ClusterWorld } from '#controllers/parts.ts';
import { recordIndexes, recordsIn } from '#controllers/zone-records.ts';

/** What the leader knows about a DNSRecord. */
export interface DnsRecordClusterInputs {
  readonly isZoneThere: boolean;
  /** Where its Zone is answered. */
  readonly host?: string;
}

/** Gives records to the host of their Zone. */
export function createDnsRecordClusterController<W extends ClusterWorld>(_parts: ClusterParts<W>) {
  return defineController<typeof dnsRecordKind, W, Readonly<Record<never, never>>, DnsRecordClusterInputs>({
    name: 'dns-record.cluster',
    kind: dnsRecordKind,
    drivers: {},
    indexes: recordIndexes,
    watches: [{ kind: zoneKind, keysOf: (zone, cache) => recordsIn(zone, cache).map(keyOf) }],
    gather: ({ metadata: { namespace }, spec }, cache) => {
      const zone = cache.get(zoneKind, { namespace, name: spec.zoneRef.name });
      const host = zone?.status?.host;
      return { isZoneThere: zone !== undefined, ...(host === undefined ? {} : { host }) };
    },
    desired: () => ({}),
    status: (record, { inputs }) => clusterStatus(record, inputs),
  });
}

function keyOf({ metadata }: KubeObject): ObjectKey {
  return { namespace: metadata.namespace, name: metadata.name };
}

function clusterStatus(
  { spec }: DNSRecord,
  inputs: DnsRecordClusterInputs | undefined,
): StatusPatch<typeof dnsRecordKind> {
  const { host, isZoneThere = false } = inputs ?? {};
  if (host !== undefined) return { fields: { host }, conditions: [] };
  const { name } = spec.zoneRef;
  const cause = isZoneThere
    ? { reason: 'ZoneNotReady', message: `Zone ${name} has no host yet; it says why.` }
    : { reason: 'ZoneNotFound', message: `There is no Zone ${name} in this namespace.` };
  return { fields: {}, conditions: [{ type: 'Ready', status: 'False', ...cause }] };
}
