import { hostKind, publicAddressesOf } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';

/** Where visitors reach the host of a tenant. */
export function tenantAddresses(tenant: string, cache: Cache): readonly string[] {
  const { host: name } = cache.get(tenantKind, { name: tenant })?.status ?? {};
  const host = name === undefined ? undefined : cache.get(hostKind, { name });
  return host === undefined ? [] : publicAddressesOf(host);
}
