import type { KubeObject } from '#schemas/meta/object.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import { uidClaimKind, type UIDClaim } from '#schemas/v1alpha1/uid-claim.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type StatusPatch } from '#runtime/manager/controller.ts';
import type { ClusterParts, DriverOf, Fate } from '#controllers/parts.ts';
import { UID_CLAIM_REASONS } from './reasons.ts';

export type UidClaimDrivers<W> = {
  /** Deletes the claim itself when nothing carries the number. */
  readonly disposal: DriverOf<Fate, W>;
};

/** What still carries the number. */
export interface UidClaimInputs {
  readonly carrier: keyof typeof UID_CLAIM_REASONS;
}

const BY_USER_ID = 'userId';

/** Keeps a user id as long as its tenant is there, or data that carries it: a number is never given to a second tenant while files of the first are about. */
export function createUidClaimClusterController<W>({ disposal }: ClusterParts<W>) {
  return defineController<typeof uidClaimKind, W, UidClaimDrivers<W>, UidClaimInputs>({
    name: 'uid-claim.cluster',
    kind: uidClaimKind,
    drivers: { disposal: disposal(uidClaimKind) },
    indexes: [{ kind: retainedDataKind, index: { name: BY_USER_ID, valuesOf: (kept) => [userIdOf(kept)] } }],
    watches: [
      { kind: tenantKind, keysOf: (tenant) => uidKeysOf(tenant) },
      { kind: retainedDataKind, keysOf: (kept) => [{ name: userIdOf(kept) }] },
    ],
    gather: (claim, cache) => ({ carrier: carrierOf(claim, cache) }),
    desired: (_claim, inputs) => ({
      disposal: { fate: inputs.carrier === 'Unused' ? 'Go' : 'Stay', resourceVersion: '' },
    }),
    status: (_claim, { inputs }) => uidClaimStatus(inputs?.carrier ?? 'Tenant'),
  });
}

function carrierOf(claim: UIDClaim, cache: Cache): UidClaimInputs['carrier'] {
  if (cache.get(tenantKind, { name: claim.spec.tenantRef.name }) !== undefined) return 'Tenant';
  return cache.byIndex(retainedDataKind, BY_USER_ID, claim.metadata.name).length > 0 ? 'RetainedData' : 'Unused';
}

function uidClaimStatus(carrier: UidClaimInputs['carrier']): StatusPatch<typeof uidClaimKind> {
  const status = carrier === 'Unused' ? 'False' : 'True';
  return { fields: {}, conditions: [{ type: 'InUse', status, reason: carrier, message: UID_CLAIM_REASONS[carrier] }] };
}

function userIdOf(kept: KubeObject): string {
  return String((kept as RetainedData).spec.userId);
}

function uidKeysOf(tenant: KubeObject): readonly { readonly name: string }[] {
  const uid = (tenant as Tenant).status?.uid;
  return uid === undefined ? [] : [{ name: String(uid) }];
}
