import { nameHash } from '#schemas/meta/name-hash.ts';
import { ACCOUNT_UIDS } from '#schemas/meta/names.ts';
import { uidClaimKind } from '#schemas/v1alpha1/uid-claim.ts';
import type { Cache } from '#runtime/manager/cache.ts';

/** UIDClaims by the name of their tenant; the driver of user ids declares the index. */
const BY_TENANT = 'tenant';

/**
 * The user id of a tenant: the one it has claimed, or the first free one from a place that its name decides. So tenants that are made at the same
 * time seldom ask for the same number, and a tenant that is declared again after a loss of the store finds its files under its own number.
 * Who creates the claim first has the number; the other meets a conflict, and the next round goes on from there.
 */
export function uidOf(
  tenant: string,
  isTaken: (uid: number) => boolean,
  cache: Cache,
): { readonly number: number; readonly isClaimed: boolean } | undefined {
  const [claim] = cache.byIndex(uidClaimKind, BY_TENANT, tenant);
  if (claim !== undefined) return { number: Number(claim.metadata.name), isClaimed: true };
  const count = ACCOUNT_UIDS.last - ACCOUNT_UIDS.first + 1;
  const start = nameHash(tenant) % count;
  for (let step = 0; step < count; step += 1) {
    const number = ACCOUNT_UIDS.first + ((start + step) % count);
    if (!isTaken(number) && cache.get(uidClaimKind, { name: String(number) }) === undefined)
      return { number, isClaimed: false };
  }
  return undefined;
}
