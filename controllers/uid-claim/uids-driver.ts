import { apiVersionOf } from '#schemas/meta/kind.ts';
import { LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { uidClaimKind, type UIDClaim } from '#schemas/v1alpha1/uid-claim.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { Cache, CacheIndex } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';

/** The user id that a tenant is to have; `undefined` asks for none. */
export type ClaimedUid = number | undefined;

export type UidsAction = Action<'uids', 'claim-uid', { readonly number: number; readonly tenant: string }>;

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** UIDClaims by the name of their tenant. */
export const BY_TENANT = 'tenant';

export const byTenant: CacheIndex = {
  name: BY_TENANT,
  valuesOf: (claim: KubeObject) => [(claim as UIDClaim).spec.tenantRef.name],
};

const FIELD_MANAGER = 'wcp360-uids';

/** A driver whose look-ups need an index; the manager adds it. */
export interface UidsDriver<W> extends Driver<'uids', Cache, ClaimedUid, UidsAction, W> {
  readonly reads: readonly { readonly kind: typeof uidClaimKind; readonly index: CacheIndex }[];
}

/**
 * Claims user ids. A claim is created, never applied: whoever creates it first has the number, the other gets ApiError AlreadyExists, is tried again
 * with back-off and asks for the next free one. Never given back here: the controller of UIDClaims knows when one is not needed, or was a mistake.
 */
export function createUidsDriver<W extends World>(): UidsDriver<W> {
  return {
    name: 'uids',
    writesApi: true,
    nothing: undefined,
    reads: [{ kind: uidClaimKind, index: byTenant }],
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) => {
      const [claim] = cache.byIndex(uidClaimKind, BY_TENANT, owner.name);
      return claim === undefined ? undefined : Number(claim.metadata.name);
    },
    plan: (owner, desired, observed) =>
      desired === undefined || observed !== undefined ? [] : [claimUid(owner.name, desired)],
    apply: async (action, { client }, signal) => {
      const { number, tenant } = action.input;
      const claim: KubeObject = {
        apiVersion: apiVersionOf(uidClaimKind),
        kind: uidClaimKind.kind,
        metadata: { name: String(number), labels: { [LABELS.tenant]: tenant, [LABELS.managedBy]: MANAGED_BY } },
        spec: { tenantRef: { name: tenant } },
      };
      await client.create(resourceTypeOf(uidClaimKind), claim, { fieldManager: FIELD_MANAGER, signal });
    },
  };
}

function claimUid(tenant: string, number: number): UidsAction {
  return {
    driver: 'uids',
    op: 'claim-uid',
    subject: `UIDClaim/${String(number)}`,
    reason: 'missing',
    disruption: 'none',
    changes: [{ field: 'spec.tenantRef.name', from: undefined, to: tenant }],
    input: { number, tenant },
  };
}
