import { FINALIZERS } from '#schemas/meta/names.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Accounts } from '#runtime/drivers/accounts/model.ts';
import type { SliceLimits } from '#runtime/drivers/slices/model.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import { defineController, type Watch } from '#runtime/manager/controller.ts';
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

/** A Tenant on the host that it is placed on: its account, its limits and its directories. */
export function createTenantHostController<W>({ hostName, accounts, slices, tree }: HostParts<W>) {
  const drivers: TenantHostDrivers<W> = { accounts, slices, tree };
  return defineController<typeof tenantKind, W, TenantHostDrivers<W>, TenantHostInputs>({
    name: 'tenant.host',
    kind: tenantKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers,
    watches: tenantHostWatches,
    concerns: (tenant) => tenant.status?.host === hostName,
    gather: (tenant, cache) => gatherTenantHost(hostName, tenant, cache),
    desired: (tenant, inputs) => ({
      accounts: desiredAccounts(tenant, inputs),
      slices: desiredSlices(tenant, inputs),
      tree: desiredTenantTree(tenant, inputs),
    }),
    // The directories of Domains lie in the tenant's: gather is pending until the last is gone.
    afterDeletion: (_tenant, inputs) =>
      inputs === undefined
        ? { pending: { reason: 'Deleting', message: 'The tenant’s Domains are taken down first.' } }
        : { accounts: accounts.nothing, slices: slices.nothing, tree: tree.nothing },
    status: tenantHostStatus,
  });
}

const tenantHostWatches: readonly Watch[] = [
  {
    kind: hostKind,
    keysOf: (_host, cache) => cache.list(tenantKind).map((tenant) => ({ name: tenant.metadata.name })),
  },
  {
    kind: domainKind,
    // A living tenant does not depend on its Domains; one that is being deleted waits for the last.
    keysOf: (domain, cache) => {
      const name = domain.metadata.namespace ?? '';
      return cache.get(tenantKind, { name })?.metadata.deletionTimestamp === undefined ? [] : [{ name }];
    },
  },
];
