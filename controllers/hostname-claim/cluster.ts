import { isTrue } from '#schemas/meta/conditions.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { zoneKind } from '#schemas/v1alpha1/zone.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Outcome, type StatusPatch } from '#runtime/manager/controller.ts';
import type { ClusterParts, DriverOf, Fate } from '#controllers/parts.ts';
import { baseOf } from './ancestors.ts';
import { claimantsOf } from './claims-driver.ts';
import { BY_ANCESTOR, hostnameClaimIndexes } from './indexes.ts';
import { claimsAbove, judgeHostname, type Objection } from './judge.ts';

/** Kinds whose objects claim names. */
const claimantKinds = [domainKind, zoneKind] as const;

export type HostnameClaimDrivers<W> = {
  /** Deletes the claim itself when nothing uses the name. */
  readonly disposal: DriverOf<Fate, W>;
};

/** What the leader knows about a claim. */
export interface HostnameClaimInputs {
  readonly isUsed: boolean;
  readonly objection?: Objection;
}

/** Binds claims: only here, only by the leader, by the order of age. */
export function createHostnameClaimClusterController<W>({ disposal }: ClusterParts<W>) {
  return defineController<typeof hostnameClaimKind, W, HostnameClaimDrivers<W>, HostnameClaimInputs>({
    name: 'hostname-claim.cluster',
    kind: hostnameClaimKind,
    drivers: { disposal: disposal(hostnameClaimKind) },
    indexes: hostnameClaimIndexes,
    watches: [
      { kind: hostnameClaimKind, keysOf: (changed, cache) => neighboursOf(changed as HostnameClaim, cache) },
      ...claimantKinds.map((kind) => ({ kind, keysOf: claimsToDropOf })),
    ],
    gather: gatherHostnameClaim,
    desired: (_claim, inputs) => ({ disposal: { fate: inputs.isUsed ? 'Stay' : 'Go', resourceVersion: '' } }),
    status: (claim, { inputs, outcome }) => hostnameClaimStatus(claim, inputs, outcome),
  });
}

function gatherHostnameClaim(claim: HostnameClaim, cache: Cache): HostnameClaimInputs {
  const isUsed = claimantsOf(claim).some((claimant) => {
    const kind = claimantKinds.find((known) => known.kind === claimant.kind);
    if (kind === undefined) return true;
    const { namespace, name } = claimant;
    return cache.get<KindDefinition>(kind, { namespace, name })?.metadata.uid === claimant.uid;
  });
  // What is bound stays bound: a rule that changes, or a claim that comes later, takes nobody's name away.
  if (isTrue(claim.status?.conditions, 'Bound')) return { isUsed };
  const objection = judgeHostname(claim.spec.hostname, claim.spec.tenantRef.name, cache);
  return objection === undefined ? { isUsed } : { isUsed, objection };
}

function hostnameClaimStatus(
  claim: HostnameClaim,
  inputs: HostnameClaimInputs | undefined,
  outcome: Outcome,
): StatusPatch<typeof hostnameClaimKind> {
  const bound = (status: 'True' | 'False', reason: string, message: string): StatusPatch<typeof hostnameClaimKind> => ({
    fields: {},
    conditions: [{ type: 'Bound', status, reason, message }],
  });
  if (inputs === undefined || outcome.phase === 'failed') {
    const message = 'message' in outcome ? outcome.message : 'The claim is being looked at.';
    return isTrue(claim.status?.conditions, 'Bound')
      ? bound('True', 'Bound', boundSentence(claim))
      : bound('False', 'Failed', message);
  }
  if (!inputs.isUsed) return bound('False', 'Unclaimed', 'No object uses the name any more.');
  if (inputs.objection !== undefined) return bound('False', inputs.objection.reason, inputs.objection.message);
  return bound('True', 'Bound', boundSentence(claim));
}

function boundSentence(claim: HostnameClaim): string {
  return `${claim.spec.hostname} belongs to tenant ${claim.spec.tenantRef.name}.`;
}

/** Claims that are not bound and whose answer may hang on the one that changed. */
function neighboursOf(changed: HostnameClaim, cache: Cache): readonly ObjectKey[] {
  const { hostname } = changed.spec;
  const below = cache.byIndex(hostnameClaimKind, BY_ANCESTOR, baseOf(hostname));
  return [...below, ...claimsAbove(hostname, cache)]
    .filter((claim) => !isTrue(claim.status?.conditions, 'Bound'))
    .map((claim) => ({ name: claim.metadata.name }));
}

/** A claim is made before its claimant changes again, so only those that leave can leave one behind. */
function claimsToDropOf(claimant: KubeObject, cache: Cache): readonly ObjectKey[] {
  if (claimant.metadata.deletionTimestamp === undefined) return [];
  return cache
    .byIndex(hostnameClaimKind, 'claimant', claimant.metadata.uid ?? '')
    .map((claim) => ({ name: claim.metadata.name }));
}
