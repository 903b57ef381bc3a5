import { domainsDirectory, logsDirectory, tenantDirectory, tmpDirectory } from '#schemas/meta/tenant-tree.ts';
import { sliceOf } from '#schemas/meta/names.ts';
import { parseMillicores, parseQuantity } from '#schemas/meta/quantity.ts';
import type { Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Accounts } from '#runtime/drivers/accounts/model.ts';
import type { Limits, SliceLimits } from '#runtime/drivers/slices/model.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import type { TenantHostInputs } from './gather.ts';

/** The directories of a tenant. Those above its own work are root's, so that a tenant can replace none of them. */
export function desiredTenantTree(tenant: Tenant, inputs: TenantHostInputs): Tree {
  const { name } = tenant.metadata;
  const passable = { mode: 0o711, uid: 0, gid: 0 };
  return {
    directories: new Map([
      [tenantDirectory(name), passable],
      [domainsDirectory(name), passable],
      [logsDirectory(name), { mode: 0o2750, uid: inputs.front.uid, gid: inputs.accountId }],
      [tmpDirectory(name), { mode: 0o700, uid: inputs.accountId, gid: inputs.accountId }],
    ]),
    kept: new Map(),
  };
}

export function desiredAccounts(tenant: Tenant, inputs: TenantHostInputs): Accounts {
  if (!inputs.hasAccounts) return new Map();
  const { name } = tenant.metadata;
  const { accountId } = inputs;
  return new Map([[name, { uid: accountId, gid: accountId, home: `${inputs.root}/${tenantDirectory(name)}` }]]);
}

/** What all programs of the tenant may use together. A tenant without limits has its slice, too: when it goes, whatever still runs in it is ended. */
export function desiredSlices(tenant: Tenant, inputs: TenantHostInputs): SliceLimits {
  return inputs.limitsEnforced ? new Map([[sliceOf(inputs.accountId), limitsOf(tenant)]]) : new Map();
}

function limitsOf(tenant: Tenant): Limits {
  const { cpu, memory, processes } = tenant.status?.effective?.limits ?? {};
  return {
    ...(cpu === undefined ? {} : { cpuMillicores: parseMillicores(cpu) ?? 0 }),
    ...(memory === undefined ? {} : { memoryBytes: parseQuantity(memory) ?? 0 }),
    ...(processes === undefined ? {} : { processes }),
  };
}
