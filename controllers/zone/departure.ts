import { FINALIZERS } from '#schemas/meta/names.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import { defineController, type Pending } from '#runtime/manager/controller.ts';
import { departureStatus } from '#controllers/departure-status.ts';
import type { HostParts, HostWorld } from '#controllers/parts.ts';
import type { ZoneHostDrivers } from './host.ts';

/** A Zone on the host that it was moved from: answered there until the new host has answered. */
export function createZoneDepartureController<W extends HostWorld>({ hostName, powerdns }: HostParts<W>) {
  return defineController<typeof zoneKind, W, ZoneHostDrivers<W>, Zone['spec']>({
    name: 'zone.departure',
    kind: zoneKind,
    finalizer: FINALIZERS.formerHost,
    finalizerSetBy: 'placement',
    drivers: { powerdns },
    watches: [],
    concerns: ({ status }) => status?.formerHost === hostName && status.host !== hostName,
    leaves: () => true,
    gather: (zone) => zone.spec,
    // Never asked for: it leaves.
    desired: () => ({ powerdns: powerdns.nothing }),
    afterDeletion: (zone) => (isAnsweredElsewhere(zone) ? { powerdns: powerdns.nothing } : notYet),
    status: (_zone, { outcome }) => departureStatus(outcome),
  });
}

const notYet: Pending = {
  pending: { reason: 'ProbeFailed', message: 'The new host does not answer for the zone yet.' },
};

function isAnsweredElsewhere({ metadata, status }: Zone): boolean {
  return metadata.deletionTimestamp !== undefined || status?.servedBy === status?.host;
}
