import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { ZoneState, ZoneTable } from '#runtime/drivers/powerdns/index.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type ProbeResult, type Watch } from '#runtime/manager/controller.ts';
import type { DriverOf, HostParts, HostWorld } from '#controllers/parts.ts';
import { recordIndexes } from '#controllers/zone-records.ts';
import { gatherZone } from './host/gather.ts';
import type { ZoneHostInputs } from './host/inputs.ts';
import { zoneHostStatus } from './host/status.ts';

/** What a Zone is made of on a host. */
export type ZoneHostDrivers<W> = { readonly powerdns: DriverOf<ZoneTable, W> };

/** A Zone on the host that it is placed on: what the name server answers. */
export function createZoneHostController<W extends HostWorld>(parts: HostParts<W>) {
  const { hostName, powerdns } = parts;
  return defineController<typeof zoneKind, W, ZoneHostDrivers<W>, ZoneHostInputs>({
    name: 'zone.host',
    kind: zoneKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers: { powerdns },
    watches: zoneHostWatches,
    indexes: recordIndexes,
    concerns: (zone) => zone.status?.host === hostName,
    gather: (zone, cache) => gatherZone(hostName, zone, cache),
    desired: ({ status }, { zone, settings, records }) => ({
      powerdns: new Map([[zone, { settings, records, ...knownSerial(status) }]]),
    }),
    status: (zone, input) => zoneHostStatus(hostName, zone, input),
    probe: async (zone, _inputs, world, signal) => [await probeZone(zone, parts, world, signal)],
  });
}

/** Of one that was answered before, here or elsewhere: secondaries take nothing older. */
function knownSerial(status: Zone['status']): Pick<ZoneState, 'serial'> {
  return status?.serial === undefined ? {} : { serial: status.serial };
}

const zoneHostWatches: readonly Watch[] = [
  {
    kind: dnsRecordKind,
    keysOf: ({ metadata, ...record }) => [
      { namespace: metadata.namespace, name: (record as unknown as Pick<DNSRecord, 'spec'>).spec.zoneRef.name },
    ],
  },
  { kind: tenantKind, keysOf: (tenant, cache) => cache.list(zoneKind, tenant.metadata.name).map(keyOf) },
  { kind: zoneKind, keysOf: (zone, cache) => listedIn(zone as Zone, cache).map(keyOf) },
  { kind: hostKind, keysOf: (_host, cache) => cache.list(zoneKind).map(keyOf) },
];

/** Zones that a catalog lists. */
function listedIn({ metadata: { namespace, name }, spec }: Zone, cache: Cache): readonly Zone[] {
  if (spec.catalog !== true) return [];
  return cache.list(zoneKind, namespace).filter((zone) => zone.spec.transfer?.catalogRef?.name === name);
}

function keyOf({ metadata }: KubeObject): ObjectKey {
  return { namespace: metadata.namespace, name: metadata.name };
}

/** Asks as anybody would: the server must say that it speaks for the zone. */
async function probeZone<W>(
  { spec }: Zone,
  { askNameServer }: HostParts<W>,
  world: W,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const failed = (message: string): ProbeResult => ({ ok: false, reason: 'ProbeFailed', message });
  try {
    const { isAuthoritative, records } = await askNameServer(world, { name: spec.name, type: 'SOA' }, signal);
    const serial = records.find(({ type }) => type === 'SOA')?.content?.split(' ')[2];
    if (!isAuthoritative || serial === undefined) return failed(`The name server does not know ${spec.name} yet.`);
    return { ok: true, reason: 'Answered', message: 'The name server answers.', found: serial };
  } catch (err) {
    if (err instanceof HostError) return failed('The name server does not answer.');
    throw err;
  }
}
