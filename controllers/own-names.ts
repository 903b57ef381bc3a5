import { isTrue } from '#schemas/meta/conditions.ts';
import { claimNameOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { hostnameClaimKind } from '#schemas/v1alpha1/hostname-claim.ts';
import { wildcardOver } from '#runtime/base/hostnames.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { panelHostOf } from './panel-names.ts';

/**
 * Whether a hostname or wildcard is a tenant's: by a bound claim for just that name, or for all names of its level. The platform's, whose objects are in its own
 * namespace, are those of its panels.
 */
export function isOwnName(name: string, tenant: string, cache: Cache): boolean {
  if (tenant === SYSTEM_NAMESPACE) return panelHostOf(name, cache) !== undefined;
  return [name, wildcardOver(name)].some((hostname) => {
    const claim = cache.get(hostnameClaimKind, { name: claimNameOf(hostname) });
    return claim?.spec.tenantRef.name === tenant && isTrue(claim.status?.conditions, 'Bound');
  });
}
