import { FINALIZERS } from '#schemas/meta/names.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import { defineController, type Outcome, type Pending, type StatusPatch } from '#runtime/manager/controller.ts';
import type { HostParts } from '#controllers/parts.ts';
import { hasArrivedOn, isComingTo } from '#controllers/whereabouts.ts';
import { desiredOnHost, goneFromHost, tenantHostDrivers, tenantHostWatches, type TenantHostDrivers } from './host.ts';
import { domainsHere, gatherTenantHost, type TenantHostInputs } from './host/gather.ts';

/** A Tenant on the host that it moves to: its account, its limits and its directories, before any of its Domains comes. */
export function createTenantArrivalController<W>(parts: HostParts<W>) {
  const { hostName } = parts;
  const drivers = tenantHostDrivers(parts);
  const isComing = ({ status }: Tenant): boolean => isComingTo(hostName, status);
  return defineController<typeof tenantKind, W, TenantHostDrivers<W>, TenantHostInputs>({
    name: 'tenant.arrival',
    kind: tenantKind,
    finalizer: FINALIZERS.nextHost,
    finalizerSetBy: 'placement',
    drivers,
    watches: tenantHostWatches,
    concerns: (tenant) => isComing(tenant) || hasArrivedOn(hostName, tenant.status),
    leaves: (tenant) => isComing(tenant) && tenant.status?.moving === 'Undoing',
    gather: (tenant, cache) => {
      if (!isComing(tenant)) return here;
      const isLeaving = tenant.metadata.deletionTimestamp !== undefined || tenant.status?.moving === 'Undoing';
      return (isLeaving ? domainsHere(tenant, cache) : undefined) ?? gatherTenantHost(hostName, tenant, cache);
    },
    desired: desiredOnHost,
    // What is here is a copy, as long as the tenant is elsewhere.
    afterDeletion: (tenant, inputs) => (isComing(tenant) ? goneFromHost(drivers, inputs) : here),
    status: (tenant, { outcome }) => arrivalStatus(outcome, isComing(tenant) && tenant.status?.moving !== 'Undoing'),
  });
}

const here: Pending = { pending: { reason: 'Arrived', message: 'The tenant is on this host.' } };

function arrivalStatus(outcome: Outcome, isComing: boolean): StatusPatch<typeof tenantKind> {
  if (!isComing) return { fields: {}, conditions: [] };
  const answer =
    'message' in outcome
      ? {
          status: 'False' as const,
          reason: outcome.phase === 'failed' ? 'ApplyFailed' : outcome.reason,
          message: outcome.message,
        }
      : { status: 'True' as const, reason: 'Arrived', message: 'Account and directories are there.' };
  return { fields: {}, conditions: [{ type: 'NextHostReady', ...answer }] };
}
