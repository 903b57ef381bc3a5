import { FINALIZERS } from '#schemas/meta/names.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import type { Copy } from '#runtime/drivers/copies/model.ts';
import { defineController, type Desired, type Pending } from '#runtime/manager/controller.ts';
import { keptByObject } from '#controllers/kept-data.ts';
import { noKeeping } from '#controllers/kept-driver.ts';
import type { DriverOf, HostParts, HostWorld } from '#controllers/parts.ts';
import { hasArrivedOn, isComingTo } from '#controllers/whereabouts.ts';
import { arrivalStatus } from './arrival/status.ts';
import { gatherArrival, type ArrivalInputs } from './arrival/gather.ts';
import { copyOf } from './arrival/desired.ts';
import { desiredPools, desiredTree } from './host/desired.ts';
import { createDomainKept } from './host/kept.ts';
import { domainHostWatches, type DomainHostDrivers } from './host.ts';
import { probeDomain } from './host/probe.ts';
import { desiredSites } from './host/sites.ts';

/** What a Domain is made of on the host that it moves to, in the order of creation. */
export type DomainArrivalDrivers<W> = DomainHostDrivers<W> & {
  /** Its files, from the host that it is on. */
  readonly copies: DriverOf<Copy, W>;
};

/** A Domain on the host that it moves to: first its files, and, when these stand still, all that serves it. It becomes the Domain's host without doing anything else. */
export function createDomainArrivalController<W extends HostWorld>(parts: HostParts<W>) {
  const { hostName, tree, phpFpm, nginx, copies, front } = parts;
  const drivers: DomainArrivalDrivers<W> = { tree, copies, phpFpm, nginx, kept: createDomainKept(hostName) };
  const isComing = ({ status }: Domain): boolean => isComingTo(hostName, status);
  return defineController<typeof domainKind, W, DomainArrivalDrivers<W>, ArrivalInputs>({
    name: 'domain.arrival',
    kind: domainKind,
    finalizer: FINALIZERS.nextHost,
    finalizerSetBy: 'placement',
    drivers,
    watches: domainHostWatches,
    indexes: [keptByObject],
    concerns: (domain) => isComing(domain) || hasArrivedOn(hostName, domain.status),
    leaves: (domain) => isComing(domain) && domain.status?.moving === 'Undoing',
    gather: (domain, cache) =>
      isComing(domain) ? gatherArrival(hostName, domain, { cache, copyOf: parts.copyOf }) : here,
    desired: (domain, inputs) => ({
      tree: desiredTree(domain, inputs.files),
      copies: copyOf(domain, inputs),
      phpFpm: inputs.site === undefined ? new Map() : desiredPools(domain, inputs.site),
      nginx: inputs.site === undefined ? new Map() : desiredSites(domain, inputs.site),
      kept: noKeeping,
    }),
    // What is here is a copy, as long as the Domain is elsewhere.
    afterDeletion: (domain) => (isComing(domain) ? nothingOf(drivers) : here),
    status: (domain, input) => arrivalStatus(domain, { ...input, isComing: isComing(domain) }),
    probe: (domain, { site }, world, signal) =>
      site === undefined ? Promise.resolve([]) : probeDomain(domain, site, { world, front, signal }),
  });
}

const here: Pending = { pending: { reason: 'Arrived', message: 'The Domain is on this host.' } };

function nothingOf<W>(drivers: DomainArrivalDrivers<W>): Desired<DomainArrivalDrivers<W>> {
  const { tree, copies, phpFpm, nginx, kept } = drivers;
  return {
    tree: tree.nothing,
    copies: copies.nothing,
    phpFpm: phpFpm.nothing,
    nginx: nginx.nothing,
    kept: kept.nothing,
  };
}
