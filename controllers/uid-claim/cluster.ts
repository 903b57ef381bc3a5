import type { KubeObject } from '#schemas/meta/object.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import { uidClaimKind, type UIDClaim } from '#schemas/v1alpha1/uid-claim.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type StatusPatch } from '#runtime/manager/controller.ts';
import { heldBy, heldUidIndexes, heldUnder, isMistaken, keptUnder, type HeldUid } from '#controllers/held-uids.ts';
import type { ClusterParts, DriverOf, Fate } from '#controllers/parts.ts';
import { UID_CLAIM_REASONS } from './reasons.ts';
import { BY_TENANT, byTenant } from './uids-driver.ts';

export type UidClaimDrivers<W> = {
  /** Deletes the claim itself when nothing carries the number. */
  readonly disposal: DriverOf<Fate, W>;
};

/** What still carries the number. */
export interface UidClaimInputs {
  readonly carrier: keyof typeof UID_CLAIM_REASONS;
}

/** Keeps a user id as long as its tenant is there, or data that carries it: a number is never given to a second tenant while files of the first are about. */
export function createUidClaimClusterController<W>({ disposal }: ClusterParts<W>) {
  return defineController<typeof uidClaimKind, W, UidClaimDrivers<W>, UidClaimInputs>({
    name: 'uid-claim.cluster',
    kind: uidClaimKind,
    drivers: { disposal: disposal(uidClaimKind) },
    indexes: [{ kind: uidClaimKind, index: byTenant }, ...heldUidIndexes],
    watches: [
      { kind: tenantKind, keysOf: (tenant) => uidKeysOf(tenant) },
      { kind: hostKind, keysOf: (host, cache) => heldBy(host).flatMap((held) => concernedBy(held, cache)) },
      // A number that is free again may be the one that files of somebody carry.
      {
        kind: uidClaimKind,
        keysOf: ({ metadata }, cache) =>
          heldUnder(Number(metadata.name), cache).flatMap((held) => concernedBy(held, cache)),
      },
      { kind: retainedDataKind, keysOf: (kept) => keptKeysOf(kept as RetainedData) },
    ],
    gather: (claim, cache) => ({ carrier: carrierOf(claim, cache) }),
    desired: (_claim, inputs) => ({
      disposal: { fate: isInUse(inputs.carrier) ? 'Stay' : 'Go', resourceVersion: '' },
    }),
    status: (_claim, { inputs }) => uidClaimStatus(inputs?.carrier ?? 'Tenant'),
  });
}

function carrierOf(claim: UIDClaim, cache: Cache): UidClaimInputs['carrier'] {
  if (isMistaken(claim, cache)) return 'Mistaken';
  if (cache.get(tenantKind, { name: claim.spec.tenantRef.name }) !== undefined) return 'Tenant';
  return keptUnder(Number(claim.metadata.name), cache).length > 0 ? 'RetainedData' : 'Unused';
}

function isInUse(carrier: UidClaimInputs['carrier']): boolean {
  return carrier === 'Tenant' || carrier === 'RetainedData';
}

function uidClaimStatus(carrier: UidClaimInputs['carrier']): StatusPatch<typeof uidClaimKind> {
  const status = isInUse(carrier) ? 'True' : 'False';
  return { fields: {}, conditions: [{ type: 'InUse', status, reason: carrier, message: UID_CLAIM_REASONS[carrier] }] };
}

function concernedBy({ tenant, uid }: HeldUid, cache: Cache): readonly ObjectKey[] {
  const own = cache.byIndex(uidClaimKind, BY_TENANT, tenant).map(({ metadata }) => ({ name: metadata.name }));
  return [{ name: String(uid) }, ...own];
}

function keptKeysOf({ spec: { userId } }: RetainedData): readonly ObjectKey[] {
  return userId === undefined ? [] : [{ name: String(userId) }];
}

function uidKeysOf(tenant: KubeObject): readonly { readonly name: string }[] {
  const uid = (tenant as Tenant).status?.uid;
  return uid === undefined ? [] : [{ name: String(uid) }];
}
