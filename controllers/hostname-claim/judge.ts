import { isTrue } from '#schemas/meta/conditions.ts';
import { claimNameOf } from '#schemas/meta/names.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { ancestorsOf, baseOf, isPublicSuffix } from './ancestors.ts';
import { BY_ANCESTOR } from './indexes.ts';

/** Why a tenant can not have a name. `undefined` stands for: it can. */
export interface Objection {
  readonly reason: 'PublicSuffix' | 'HostnameTaken' | 'HostnameBelowAnother' | 'HostnameAboveAnother';
  readonly message: string;
}

/**
 * Whether a tenant may have a name, from the claims that are there. The older claim decides, so the answer is the same whoever computes it:
 * | other claim               | of the same tenant | delegated to it | older | answer               |
 * | the same name             | no                 | -               | any   | HostnameTaken        |
 * | above, or a wildcard above | no                | no              | yes   | HostnameBelowAnother |
 * | below                     | no                 | -               | yes   | HostnameAboveAnother |
 * A name that is not claimed yet is younger than every claim.
 */
export function judgeHostname(hostname: string, tenant: string, cache: Cache): Objection | undefined {
  if (isPublicSuffix(hostname)) {
    return {
      reason: 'PublicSuffix',
      message: `${hostname} is a name under which everybody registers; it can not be one tenant’s.`,
    };
  }
  const own = cache.get(hostnameClaimKind, { name: claimNameOf(hostname) });
  if (own !== undefined && own.spec.tenantRef.name !== tenant) {
    return { reason: 'HostnameTaken', message: `${hostname} belongs to another tenant.` };
  }
  const above = claimsAbove(hostname, cache).find((claim) => blocksBelow(claim, tenant) && isOlder(claim, own));
  if (above !== undefined) {
    return {
      reason: 'HostnameBelowAnother',
      message: `${hostname} lies below ${above.spec.hostname}, which belongs to another tenant and was not delegated.`,
    };
  }
  const below = cache
    .byIndex(hostnameClaimKind, BY_ANCESTOR, baseOf(hostname))
    .find((claim) => claim.spec.tenantRef.name !== tenant && isOlder(claim, own) && !isDelegated(own, claim));
  if (below === undefined) return undefined;
  return { reason: 'HostnameAboveAnother', message: `${hostname} lies above a name that belongs to another tenant.` };
}

/** Claims of names above a name, wildcards among them. */
export function claimsAbove(hostname: string, cache: Cache): readonly HostnameClaim[] {
  return ancestorsOf(hostname)
    .flatMap((ancestor) => [ancestor, `*.${ancestor}`])
    .filter((name) => name !== hostname)
    .flatMap((name) => cache.get(hostnameClaimKind, { name: claimNameOf(name) }) ?? []);
}

function blocksBelow(claim: HostnameClaim, tenant: string): boolean {
  return claim.spec.tenantRef.name !== tenant && !claim.spec.delegatedTo.includes(tenant);
}

function isDelegated(parent: HostnameClaim | undefined, child: HostnameClaim): boolean {
  return parent?.spec.delegatedTo.includes(child.spec.tenantRef.name) === true;
}

/**
 * Whether `claim` goes before `other`. What is bound stays bound; then age decides. Times have whole seconds, so claims of one second are told
 * apart by their resourceVersion, which orders creations (KEP-5504) as long as nobody has written the claim again, and by name at last.
 */
function isOlder(claim: HostnameClaim, other: HostnameClaim | undefined): boolean {
  if (other === undefined) return true;
  const isBound = isTrue(claim.status?.conditions, 'Bound');
  const isOtherBound = isTrue(other.status?.conditions, 'Bound');
  if (isBound !== isOtherBound) return isBound;
  const order =
    Date.parse(claim.metadata.creationTimestamp ?? '') - Date.parse(other.metadata.creationTimestamp ?? '') ||
    Number(claim.metadata.resourceVersion) - Number(other.metadata.resourceVersion);
  return order === 0 || Number.isNaN(order) ? claim.metadata.name < other.metadata.name : order < 0;
}
