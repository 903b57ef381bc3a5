import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { CacheIndex } from '#runtime/manager/cache.ts';
import { ancestorsOf } from './ancestors.ts';
import { isUnproven } from './unproven.ts';

/** Claims by the uid of an object that uses them. */
export const BY_CLAIMANT = 'claimant';

/** Claims by each name above theirs. */
export const BY_ANCESTOR = 'ancestor';

/** Claims by what they lack. */
export const BY_LACK = 'lack';
export const UNPROVEN = 'proof';

export const hostnameClaimIndexes: readonly { readonly kind: typeof hostnameClaimKind; readonly index: CacheIndex }[] =
  [
    {
      kind: hostnameClaimKind,
      index: {
        name: BY_CLAIMANT,
        valuesOf: (claim) => (specOf(claim).claimants ?? []).map((claimant) => claimant.uid),
      },
    },
    {
      kind: hostnameClaimKind,
      index: { name: BY_LACK, valuesOf: (claim) => (isUnproven(claim as HostnameClaim) ? [UNPROVEN] : []) },
    },
    { kind: hostnameClaimKind, index: { name: BY_ANCESTOR, valuesOf: (claim) => ancestorsOf(specOf(claim).hostname) } },
  ];

function specOf(claim: KubeObject): HostnameClaim['spec'] {
  return (claim as HostnameClaim).spec;
}
