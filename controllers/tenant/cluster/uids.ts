import { nameHash } from '#schemas/meta/name-hash.ts';
import { ACCOUNT_UIDS } from '#schemas/meta/names.ts';
import type { Tenant } from '#schemas/v1alpha1/tenant.ts';
import { uidClaimKind } from '#schemas/v1alpha1/uid-claim.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Pending } from '#runtime/manager/controller.ts';
import { heldFor, isFreeFor, isMistaken, isTaken } from '#controllers/held-uids.ts';
import type { TenantClusterInputs } from './inputs.ts';

/** UIDClaims by the name of their tenant; the driver of user ids declares the index. */
const BY_TENANT = 'tenant';

/**
 * The user id of a tenant: the one it has claimed; else the one that its files carry on a host, the one it had, or the first free one from a place that its
 * name decides, so that tenants that are made at the same time seldom ask for the same number. Who creates the claim first has the number; the other meets a
 * conflict, and the next round goes on from there.
 */
export function uidOf(tenant: Tenant, cache: Cache): TenantClusterInputs['uid'] | Pending {
  const { name } = tenant.metadata;
  const [claim] = cache.byIndex(uidClaimKind, BY_TENANT, name);
  if (claim !== undefined) {
    return isMistaken(claim, cache)
      ? exchanging(`User id ${claim.metadata.name} is given back: files say otherwise.`)
      : { number: Number(claim.metadata.name), isClaimed: true };
  }
  const carried = heldFor(name, cache).map(({ uid }) => uid);
  if (carried.some((uid) => isGivenBack(uid, cache))) {
    return exchanging('Another tenant gives back the user id that the tenant’s files carry.');
  }
  const own = [...carried, tenant.status?.uid].find((uid) => uid !== undefined && isFreeFor(name, uid, cache));
  const number = own ?? nextFree(name, cache);
  return number === undefined
    ? { pending: { reason: 'UidsExhausted', message: 'No user id is free.' } }
    : { number, isClaimed: false };
}

function isGivenBack(uid: number, cache: Cache): boolean {
  const claim = cache.get(uidClaimKind, { name: String(uid) });
  return claim !== undefined && isMistaken(claim, cache);
}

function exchanging(message: string): Pending {
  return { pending: { reason: 'UidClaiming', message } };
}

function nextFree(name: string, cache: Cache): number | undefined {
  const count = ACCOUNT_UIDS.last - ACCOUNT_UIDS.first + 1;
  const start = nameHash(name) % count;
  for (let step = 0; step < count; step += 1) {
    const number = ACCOUNT_UIDS.first + ((start + step) % count);
    if (!isTaken(number, cache) && isFreeFor(name, number, cache)) return number;
  }
  return undefined;
}
