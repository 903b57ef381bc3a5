import { isTrue } from '#schemas/meta/conditions.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import type { HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import { zoneKind } from '#schemas/v1alpha1/zone.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Pending } from '#runtime/manager/controller.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { thoseWanting } from '#controllers/wanted-names.ts';
import { claimantsOf } from './claims-driver.ts';
import { revocationOf, type Objection } from './judge.ts';
import { markOf, questionOf, voucherFor, type ProofQuestion, type Voucher } from './proof.ts';
import type { ProofWork } from './proofs-driver.ts';

/** Kinds whose objects claim names. */
export const claimantKinds = [domainKind, zoneKind] as const;

/** What the leader knows about a claim. */
export interface HostnameClaimInputs {
  readonly isUsed: boolean;
  readonly objection?: Objection;
  /** Why it needs no look at the DNS. */
  readonly voucher?: Voucher;
  /** What the DNS has to say before it is bound. */
  readonly proof?: ProofWork;
}

/** Reads who uses the name, what stands against it, and what there is to be shown. */
export function gatherHostnameClaim(
  claim: HostnameClaim,
  cache: Cache,
  { judgeHostname, proofPolicy, now }: Pick<ClusterParts<never>, 'judgeHostname' | 'proofPolicy' | 'now'>,
): HostnameClaimInputs | Pending {
  const { hostname, tenantRef } = claim.spec;
  const isBound = isTrue(claim.status?.conditions, 'Bound');
  const isUsed = isClaimed(claim, cache) || (!isBound && isAwaited(claim, cache));
  // What is bound stays bound: a rule that changes, or a claim that comes later, takes nobody's name away. An administrator does.
  const objection = isBound
    ? revocationOf(hostname, tenantRef.name, cache)
    : judgeHostname(hostname, tenantRef.name, cache);
  if (objection !== undefined) return { isUsed, objection };
  if (isBound) return { isUsed };
  const voucher = voucherFor(claim, proofPolicy, cache);
  if (voucher !== undefined) return { isUsed, voucher };
  const question = questionOf(claim, cache);
  if (question === undefined)
    return { pending: { reason: 'TenantMissing', message: `There is no Tenant ${tenantRef.name}.` } };
  return { isUsed, proof: { question, ...dueOf(claim, question, now()) } };
}

/** The status says when the next look is due, as long as it is for the same, and nobody has asked for one since. */
function dueOf(
  { status }: HostnameClaim,
  question: ProofQuestion,
  nowMs: number,
): Omit<ProofWork, 'question' | 'report'> {
  const { looks, nextTryAt } = status ?? {};
  const isSame = looks?.mark === markOf(question) && looks.request === question.request;
  const isWaiting = isSame && nextTryAt !== undefined && nowMs < Date.parse(nextTryAt);
  return { ...(looks === undefined ? {} : { looks }), isDue: !isWaiting, nowMs };
}

function isClaimed(claim: HostnameClaim, cache: Cache): boolean {
  if (claim.spec.ownership !== undefined) return true;
  return claimantsOf(claim).some((claimant) => {
    const kind = claimantKinds.find((known) => known.kind === claimant.kind);
    if (kind === undefined) return true;
    const { namespace, name } = claimant;
    return cache.get<KindDefinition>(kind, { namespace, name })?.metadata.uid === claimant.uid;
  });
}

/** A claim that has just passed to its tenant is about to be taken up. */
function isAwaited({ spec }: HostnameClaim, cache: Cache): boolean {
  if (claimantsOf({ spec }).length > 0) return false;
  return thoseWanting(spec.hostname, cache).some(({ metadata }) => metadata.namespace === spec.tenantRef.name);
}
