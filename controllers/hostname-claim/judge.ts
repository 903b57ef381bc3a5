import { isTrue } from '#schemas/meta/conditions.ts';
import { claimNameOf } from '#schemas/meta/names.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPanelName } from '#controllers/panel-names.ts';
import { baseOf, isPublicSuffix } from './ancestors.ts';
import type { OwnershipChallenge } from './challenge.ts';
import { claimsAbove } from './claims-above.ts';
import { BY_ANCESTOR } from './indexes.ts';
import { challengeFor } from './proof.ts';
import { isUnproven, toShow } from './unproven.ts';

/** Why a tenant can not have a name. `undefined` stands for: it can. */
export interface Objection {
  readonly reason:
    'PublicSuffix' | 'HostnameReserved' | 'Revoked' | 'HostnameTaken' | 'HostnameBelowAnother' | 'HostnameAboveAnother';
  readonly message: string;
  /** The record by which the tenant has the name all the same: whoever claimed it has not shown that it is theirs. */
  readonly challenge?: OwnershipChallenge;
}

/** Judges as `judgeHostname` does, and keeps names of the platform from everybody: panels of hosts, `previewDomain`, unless it is empty, and all names below them. */
export function judgeBeside(previewDomain: string): typeof judgeHostname {
  return (hostname, tenant, cache) => {
    const base = baseOf(hostname);
    const isPreview = previewDomain !== '' && (base === previewDomain || base.endsWith(`.${previewDomain}`));
    const isReserved = isPreview || isPanelName(base, cache);
    if (!isReserved) return judgeHostname(hostname, tenant, cache);
    return { reason: 'HostnameReserved', message: `${hostname} is one of the platform’s own names.` };
  };
}

/** What an administrator took from a tenant: a name, and with it those below that are the tenant's. */
export function revocationOf(hostname: string, tenant: string, cache: Cache): Objection | undefined {
  const own = cache.get(hostnameClaimKind, { name: claimNameOf(hostname) });
  const revoked = [...(own === undefined ? [] : [own]), ...claimsAbove(hostname, cache)].find(
    ({ spec }) => spec.ownership === 'Revoked' && spec.tenantRef.name === tenant,
  );
  if (revoked === undefined) return undefined;
  const message = `An administrator says that ${revoked.spec.hostname} is not the tenant’s.`;
  return { reason: 'Revoked', message };
}

/**
 * Whether a tenant may have a name, from the claims that are there. The older claim decides, so the answer is the same whoever computes it:
 * | other claim               | of the same tenant | delegated to it | older | answer               |
 * | the same name             | no                 | -               | any   | HostnameTaken        |
 * | above, or a wildcard above | no                | no              | yes   | HostnameBelowAnother |
 * | below                     | no                 | -               | yes   | HostnameAboveAnother |
 * A name that is not claimed yet is younger than every claim. A claim that lacks its proof keeps nobody from names above and below.
 */
export function judgeHostname(hostname: string, tenant: string, cache: Cache): Objection | undefined {
  if (isPublicSuffix(hostname)) {
    return {
      reason: 'PublicSuffix',
      message: `${hostname} is a name under which everybody registers; it can not be one tenant’s.`,
    };
  }
  const own = cache.get(hostnameClaimKind, { name: claimNameOf(hostname) });
  const revocation = revocationOf(hostname, tenant, cache);
  if (revocation !== undefined) return revocation;
  if (own !== undefined && own.spec.tenantRef.name !== tenant) return takenBy(own, tenant, cache);
  const above = claimsAbove(hostname, cache).find((claim) => blocksBelow(claim, tenant) && isOlder(claim, own));
  if (above !== undefined) {
    return {
      reason: 'HostnameBelowAnother',
      message: `${hostname} lies below ${above.spec.hostname}, which belongs to another tenant and was not delegated.`,
    };
  }
  const below = cache
    .byIndex(hostnameClaimKind, BY_ANCESTOR, baseOf(hostname))
    .find(
      (claim) =>
        claim.spec.tenantRef.name !== tenant && !isUnproven(claim) && isOlder(claim, own) && !isDelegated(own, claim),
    );
  if (below === undefined) return undefined;
  return { reason: 'HostnameAboveAnother', message: `${hostname} lies above a name that belongs to another tenant.` };
}

function takenBy(own: HostnameClaim, tenant: string, cache: Cache): Objection {
  const { hostname } = own.spec;
  const challenge = isUnproven(own) ? challengeFor(hostname, tenant, cache) : undefined;
  if (challenge === undefined) return { reason: 'HostnameTaken', message: `${hostname} belongs to another tenant.` };
  const message = `Another tenant claims ${hostname}, and has not shown that it is theirs. ${toShow(challenge, hostname)}.`;
  return { reason: 'HostnameTaken', message, challenge };
}

function blocksBelow(claim: HostnameClaim, tenant: string): boolean {
  if (isUnproven(claim)) return false;
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
