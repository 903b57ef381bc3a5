import { apiVersionOf } from '#schemas/meta/kind.ts';
import { claimNameOf, LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Driver, Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { BY_CLAIMANT, hostnameClaimIndexes } from './indexes.ts';

/** Names that an object uses → the tenant that claims them. */
export type Claims = ReadonlyMap<string, string>;

interface Claimant {
  readonly uid: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export type ClaimsAction =
  | Action<
      'claims',
      'claim-hostname',
      { readonly hostname: string; readonly tenant: string; readonly claimant: Claimant }
    >
  | Action<'claims', 'delete-claim', { readonly hostname: string; readonly claimant: Claimant }>;

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

const TYPE = resourceTypeOf(hostnameClaimKind);

/** A driver whose look-ups need indexes; the manager adds them. */
export interface ClaimsDriver<W> extends Driver<'claims', Cache, Claims, ClaimsAction, W> {
  readonly reads: typeof hostnameClaimIndexes;
}

/**
 * Claims hostnames for an object. Each claimant applies under a field manager of its own and without force: all claimants of one tenant agree on
 * `tenantRef` and share the claim, a second tenant disagrees and meets a conflict. So whoever creates the claim first has the name, on every server.
 * A conflict is no error here: the claim that won reaches the cache, and the object is looked at again. The snapshot is the cache itself.
 */
export function createClaimsDriver<W extends World>(): ClaimsDriver<W> {
  return {
    name: 'claims',
    writesApi: true,
    nothing: new Map(),
    reads: hostnameClaimIndexes,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) =>
      new Map(
        cache
          .byIndex(hostnameClaimKind, BY_CLAIMANT, owner.uid)
          .map((claim) => [claim.spec.hostname, claim.spec.tenantRef.name]),
      ),
    plan: planClaims,
    apply: applyClaim,
  };
}

function planClaims(owner: Owner, desired: Claims, observed: Claims): readonly ClaimsAction[] {
  const hostnames = [...new Set([...observed.keys(), ...desired.keys()])].toSorted();
  return hostnames.flatMap((hostname): readonly ClaimsAction[] => {
    const tenant = desired.get(hostname);
    if (tenant === observed.get(hostname)) return [];
    const claimant: Claimant = { uid: owner.uid, kind: owner.kind, namespace: owner.namespace, name: owner.name };
    const common = { driver: 'claims', subject: `HostnameClaim/${claimNameOf(hostname)}`, disruption: 'none' } as const;
    return tenant === undefined
      ? [
          {
            ...common,
            op: 'delete-claim',
            reason: 'no longer wanted',
            changes: [change(owner, 'from')],
            input: { hostname, claimant },
          },
        ]
      : [
          {
            ...common,
            op: 'claim-hostname',
            reason: 'missing',
            changes: [change(owner, 'to')],
            input: { hostname, tenant, claimant },
          },
        ];
  });
}

function change(
  owner: Owner,
  side: 'from' | 'to',
): { field: string; from: string | undefined; to: string | undefined } {
  const claimant = `${owner.kind}/${owner.namespace}/${owner.name}`;
  return {
    field: 'spec.claimants',
    from: side === 'from' ? claimant : undefined,
    to: side === 'to' ? claimant : undefined,
  };
}

async function applyClaim(action: ClaimsAction, world: World, signal: AbortSignal): Promise<void> {
  switch (action.op) {
    case 'claim-hostname':
      return await claim(action.input, world.client, signal);
    case 'delete-claim':
      return await release(action.input, world, signal);
  }
}

async function claim(
  { hostname, tenant, claimant }: Extract<ClaimsAction, { op: 'claim-hostname' }>['input'],
  client: Client,
  signal: AbortSignal,
): Promise<void> {
  const object = {
    ...bare(hostname),
    metadata: { name: claimNameOf(hostname), labels: { [LABELS.tenant]: tenant, [LABELS.managedBy]: MANAGED_BY } },
    spec: { hostname, tenantRef: { name: tenant }, claimants: [claimant] },
  };
  try {
    await client.apply(TYPE, object, { fieldManager: managerOf(claimant), force: false, signal });
  } catch (err) {
    if (!(err instanceof ApiError && err.reason === 'Conflict')) throw err;
  }
}

/** The last claimant takes the claim with it, unless an administrator says whose it is; each other only withdraws what it applied. */
async function release(
  { hostname, claimant }: Extract<ClaimsAction, { op: 'delete-claim' }>['input'],
  { client, cache }: World,
  signal: AbortSignal,
): Promise<void> {
  const held = cache.get(hostnameClaimKind, { name: claimNameOf(hostname) });
  if (held === undefined) return;
  const others = claimantsOf(held).filter(({ uid }) => uid !== claimant.uid);
  if (others.length > 0 || held.spec.ownership !== undefined) {
    await client.apply(TYPE, bare(hostname), { fieldManager: managerOf(claimant), force: false, signal });
    return;
  }
  const { uid = '', resourceVersion = '' } = held.metadata;
  await client.delete(TYPE, { name: held.metadata.name }, { preconditions: { uid, resourceVersion }, signal });
}

function bare(hostname: string): {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
} {
  return {
    apiVersion: apiVersionOf(hostnameClaimKind),
    kind: hostnameClaimKind.kind,
    metadata: { name: claimNameOf(hostname) },
  };
}

export function claimantsOf(held: Pick<HostnameClaim, 'spec'>): readonly Claimant[] {
  return held.spec.claimants ?? [];
}

function managerOf(claimant: Claimant): string {
  return `wcp360-claimant-${claimant.uid}`;
}
