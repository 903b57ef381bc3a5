import { FINALIZERS } from '#schemas/meta/names.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { defineController } from '#runtime/manager/controller.ts';
import { departureStatus } from '#controllers/departure-status.ts';
import { keptByObject } from '#controllers/kept-data.ts';
import { noKeeping } from '#controllers/kept-driver.ts';
import type { HostParts, HostWorld } from '#controllers/parts.ts';
import { domainHostWatches, leavingFiles, unknownTenant, type DomainHostDrivers } from './host.ts';
import { gatherLeaving } from './host/gather.ts';
import type { LeavingInputs } from './host/inputs.ts';
import { createDomainKept } from './host/kept.ts';

/** A Domain on the host that it was moved from: nothing serves it any more, and its files are kept for a while. */
export function createDomainDepartureController<W extends HostWorld>(parts: HostParts<W>) {
  const { hostName, tree, phpFpm, nginx } = parts;
  const drivers: DomainHostDrivers<W> = { tree, phpFpm, nginx, kept: createDomainKept(hostName) };
  return defineController<typeof domainKind, W, DomainHostDrivers<W>, LeavingInputs>({
    name: 'domain.departure',
    kind: domainKind,
    finalizer: FINALIZERS.formerHost,
    finalizerSetBy: 'placement',
    drivers,
    watches: domainHostWatches,
    indexes: [keptByObject],
    concerns: ({ status }) => status?.formerHost === hostName && status.host !== hostName,
    leaves: () => true,
    gather: (domain, cache) => gatherLeaving(hostName, domain, cache),
    // Never asked for: it leaves.
    desired: () => ({ tree: tree.nothing, phpFpm: phpFpm.nothing, nginx: nginx.nothing, kept: noKeeping }),
    afterDeletion: (domain, inputs) => (inputs === undefined ? unknownTenant : leavingFiles(domain, inputs)),
    status: (_domain, { outcome }) => departureStatus(outcome),
  });
}
