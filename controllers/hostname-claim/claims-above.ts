import { claimNameOf } from '#schemas/meta/names.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { ancestorsOf } from './ancestors.ts';

/** Claims of names above a name, wildcards among them. */
export function claimsAbove(hostname: string, cache: Cache): readonly HostnameClaim[] {
  return ancestorsOf(hostname)
    .flatMap((ancestor) => [ancestor, `*.${ancestor}`])
    .filter((name) => name !== hostname)
    .flatMap((name) => cache.get(hostnameClaimKind, { name: claimNameOf(name) }) ?? []);
}
