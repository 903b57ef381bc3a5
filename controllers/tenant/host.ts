import { FINALIZERS } from '#schemas/meta/names.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Accounts } from '#runtime/drivers/accounts/model.ts';
import type { SliceLimits } from '#runtime/drivers/slices/model.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import { defineController, type Desired, type Pending, type Watch } from '#runtime/manager/controller.ts';
import type { DriverOf, HostParts } from '#controllers/parts.ts';
import { desiredAccounts, desiredSlices, desiredTenantTree } from './host/desired.ts';
import { gatherTenantHost, type TenantHostInputs } from './host/gather.ts';
import { tenantHostStatus } from './host/status.ts';

/** What a Tenant is made of on a host, in the order of creation. */
export type TenantHostDrivers<W> = {
  readonly accounts: DriverOf<Accounts, W>;
  readonly slices: DriverOf<SliceLimits, W>;
  readonly tree: DriverOf<Tree, W>;
};

/** In the same way for a tenant that is here, comes or leaves. */
export function tenantHostDrivers<W>({ accounts, slices, tree }: HostParts<W>): TenantHostDrivers<W> {
  return { accounts, slices, tree };
}

/** A Tenant on the host that it is placed on: its account, its limits and its directories. */
export function createTenantHostController<W>(parts: HostParts<W>) {
  const { hostName } = parts;
  const drivers = tenantHostDrivers(parts);
  return defineController<typeof tenantKind, W, TenantHostDrivers<W>, TenantHostInputs>({
    name: 'tenant.host',
    kind: tenantKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers,
    watches: tenantHostWatches,
    concerns: (tenant) => tenant.status?.host === hostName,
    gather: (tenant, cache) => gatherTenantHost(hostName, tenant, cache),
    desired: desiredOnHost,
    afterDeletion: (_tenant, inputs) => goneFromHost(drivers, inputs),
    status: tenantHostStatus,
  });
}

export function desiredOnHost<W>(tenant: Tenant, inputs: TenantHostInputs): Desired<TenantHostDrivers<W>> {
  return {
    accounts: desiredAccounts(tenant, inputs),
    slices: desiredSlices(tenant, inputs),
    tree: desiredTenantTree(tenant, inputs),
  };
}

/** The directories of Domains lie in the tenant's: gather is pending until the last is gone. */
export function goneFromHost<W>(
  { accounts, slices, tree }: TenantHostDrivers<W>,
  inputs: TenantHostInputs | undefined,
): Desired<TenantHostDrivers<W>> | Pending {
  return inputs === undefined
    ? { pending: { reason: 'Deleting', message: 'The tenant’s Domains are taken down first.' } }
    : { accounts: accounts.nothing, slices: slices.nothing, tree: tree.nothing };
}

export const tenantHostWatches: readonly Watch[] = [
  {
    kind: hostKind,
    keysOf: (_host, cache) => cache.list(tenantKind).map((tenant) => ({ name: tenant.metadata.name })),
  },
  {
    kind: domainKind,
    // A living tenant does not depend on its Domains; one that goes from here waits for the last.
    keysOf: (domain, cache) => {
      const name = domain.metadata.namespace ?? '';
      const tenant = cache.get(tenantKind, { name });
      return tenant === undefined || !isGoing(tenant) ? [] : [{ name }];
    },
  },
];

function isGoing({ metadata, status }: Tenant): boolean {
  return metadata.deletionTimestamp !== undefined || status?.formerHost !== undefined || status?.moving === 'Undoing';
}
