import { isTrue } from '#schemas/meta/conditions.ts';
import { claimNameOf } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController } from '#runtime/manager/controller.ts';
import type { ClusterParts, DriverOf, Fate } from '#controllers/parts.ts';
import { hostsByPanel, panelNamesOf } from '#controllers/panel-names.ts';
import { wantedNames, wantedNamesOf } from '#controllers/wanted-names.ts';
import { baseOf } from './ancestors.ts';
import { claimsAbove } from './claims-above.ts';
import { claimantKinds, gatherHostnameClaim, type HostnameClaimInputs } from './gather.ts';
import { BY_ANCESTOR, BY_CLAIMANT, BY_LACK, hostnameClaimIndexes, UNPROVEN } from './indexes.ts';
import type { ProofState } from './proofs-driver.ts';
import { hostnameClaimStatus } from './status.ts';
import { isUnproven } from './unproven.ts';

export type HostnameClaimDrivers<W> = {
  /** Deletes the claim itself when nothing uses the name. */
  readonly disposal: DriverOf<Fate, W>;
  /** Asks the DNS whose the name is. */
  readonly proofs: DriverOf<ProofState, W>;
};

/** Most of a look is waiting for an answer. */
const concurrency = 32;

/** Binds claims: only here, only by the leader, by the order of age, and once the name is shown to be the tenant's. */
export function createHostnameClaimClusterController<W>(parts: ClusterParts<W>) {
  const { disposal, proofs, now } = parts;
  return defineController<typeof hostnameClaimKind, W, HostnameClaimDrivers<W>, HostnameClaimInputs>({
    name: 'hostname-claim.cluster',
    kind: hostnameClaimKind,
    drivers: { disposal: disposal(hostnameClaimKind), proofs },
    concurrency,
    indexes: [...hostnameClaimIndexes, ...wantedNames, hostsByPanel],
    watches: [
      { kind: hostnameClaimKind, keysOf: (changed, cache) => neighboursOf(changed as HostnameClaim, cache) },
      { kind: hostKind, keysOf: (host, cache) => keysOf(waitingFor(host as Host, cache)) },
      ...claimantKinds.map((kind) => ({ kind, keysOf: claimsOf })),
      { kind: tenantKind, keysOf: (tenant, cache) => (isLeaving(tenant) ? unprovenClaims(cache) : []) },
    ],
    gather: (claim, cache) => gatherHostnameClaim(claim, cache, parts),
    desired: (_claim, { isUsed, proof }) => ({
      disposal: { fate: isUsed ? 'Stay' : 'Go', resourceVersion: '' },
      proofs: isUsed ? proof : undefined,
    }),
    status: hostnameClaimStatus,
    due: ({ status }) => {
      const at = status?.nextTryAt === undefined ? 0 : Date.parse(status.nextTryAt);
      return at > now() ? at : undefined;
    },
  });
}

/** Claims whose answer may hang on the one that changed: what is bound stays so, unless a name above it is taken from its tenant. */
function neighboursOf(changed: HostnameClaim, cache: Cache): readonly ObjectKey[] {
  const { hostname } = changed.spec;
  const below = cache.byIndex(hostnameClaimKind, BY_ANCESTOR, baseOf(hostname));
  const mayHang = ({ spec, status }: HostnameClaim): boolean =>
    !isTrue(status?.conditions, 'Bound') || spec.tenantRef.name === changed.spec.tenantRef.name;
  return keysOf([...below, ...claimsAbove(hostname, cache)].filter(mayHang));
}

/** Claims that are not bound, of names that a host has for itself, or had. */
function waitingFor(host: Host, cache: Cache): readonly HostnameClaim[] {
  return panelNamesOf(host)
    .flatMap((name) => [
      ...cache.byIndex(hostnameClaimKind, BY_ANCESTOR, name),
      ...[cache.get(hostnameClaimKind, { name: claimNameOf(name) })].filter((claim) => claim !== undefined),
    ])
    .filter(({ status }) => !isTrue(status?.conditions, 'Bound'));
}

/** The claims that a Domain or Zone that leaves may leave behind, and those of others that it wants to have. */
function claimsOf(claimant: KubeObject, cache: Cache): readonly ObjectKey[] {
  if (isLeaving(claimant)) return keysOf(cache.byIndex(hostnameClaimKind, BY_CLAIMANT, claimant.metadata.uid ?? ''));
  return keysOf(
    wantedNamesOf(claimant)
      .flatMap((hostname) => cache.get(hostnameClaimKind, { name: claimNameOf(hostname) }) ?? [])
      .filter(isUnproven),
  );
}

/** They need no proof any more when their tenant is the only one that stays. */
function unprovenClaims(cache: Cache): readonly ObjectKey[] {
  return keysOf(cache.byIndex(hostnameClaimKind, BY_LACK, UNPROVEN));
}

function isLeaving({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function keysOf(claims: readonly HostnameClaim[]): readonly ObjectKey[] {
  return claims.map(({ metadata }) => ({ name: metadata.name }));
}
