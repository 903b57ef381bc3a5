import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import type { Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Pending } from '#runtime/manager/controller.ts';

/** What a Tenant on this host depends on. */
export interface TenantHostInputs {
  readonly accountId: number;
  readonly root: string;
  readonly front: { readonly uid: number; readonly gid: number };
  /** False in a private instance, which uses bare numbers. */
  readonly hasAccounts: boolean;
  /** False in a private instance, where nobody enforces them. */
  readonly limitsEnforced: boolean;
}

/** A tenant that is being deleted waits for its objects on this host: their directories lie in its own. */
export function gatherTenantHost(hostName: string, tenant: Tenant, cache: Cache): TenantHostInputs | Pending {
  const { uid } = tenant.status ?? {};
  if (uid === undefined) return { pending: { reason: 'UidClaiming', message: 'A user id is being claimed.' } };
  const { root, capabilities } = cache.get(hostKind, { name: hostName })?.status ?? {};
  if (root === undefined || capabilities?.front === undefined) {
    return { pending: { reason: 'HostNotReady', message: `Host ${hostName} has not told yet what it has.` } };
  }
  const isDeleting = tenant.metadata.deletionTimestamp !== undefined;
  return (
    (isDeleting ? domainsHere(tenant, cache) : undefined) ?? {
      accountId: uid,
      root,
      front: capabilities.front,
      hasAccounts: capabilities.accounts === true,
      limitsEnforced: capabilities.limitsEnforced === true,
    }
  );
}

/** What a tenant that goes from this host waits for: those of its Domains that are seen here. */
export function domainsHere(tenant: Tenant, cache: Cache): Pending | undefined {
  const left = cache.list(domainKind, tenant.metadata.name).length;
  if (left === 0) return undefined;
  return { pending: { reason: 'Deleting', message: `${String(left)} Domains are taken down first.` } };
}
