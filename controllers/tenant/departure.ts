import { FINALIZERS } from '#schemas/meta/names.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { defineController } from '#runtime/manager/controller.ts';
import { departureStatus } from '#controllers/departure-status.ts';
import type { HostParts } from '#controllers/parts.ts';
import { desiredOnHost, goneFromHost, tenantHostDrivers, tenantHostWatches, type TenantHostDrivers } from './host.ts';
import { domainsHere, gatherTenantHost, type TenantHostInputs } from './host/gather.ts';

/** A Tenant on the host that it was moved from: when the last of its Domains is gone, whatever of it still runs there is ended, and its account and directories go. */
export function createTenantDepartureController<W>(parts: HostParts<W>) {
  const { hostName } = parts;
  const drivers = tenantHostDrivers(parts);
  return defineController<typeof tenantKind, W, TenantHostDrivers<W>, TenantHostInputs>({
    name: 'tenant.departure',
    kind: tenantKind,
    finalizer: FINALIZERS.formerHost,
    finalizerSetBy: 'placement',
    drivers,
    watches: tenantHostWatches,
    concerns: ({ status }) => status?.formerHost === hostName && status.host !== hostName,
    leaves: () => true,
    gather: (tenant, cache) => domainsHere(tenant, cache) ?? gatherTenantHost(hostName, tenant, cache),
    // Never asked for: it leaves.
    desired: desiredOnHost,
    afterDeletion: (_tenant, inputs) => goneFromHost(drivers, inputs),
    status: (_tenant, { outcome }) => departureStatus(outcome),
  });
}
