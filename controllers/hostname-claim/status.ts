import { findCondition, isTrue } from '#schemas/meta/conditions.ts';
import type { HostnameClaim, hostnameClaimKind } from '#schemas/v1alpha1/hostname-claim.ts';
import { rfc3339 } from '#runtime/base/clock.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import { defined } from '#controllers/whereabouts.ts';
import type { HostnameClaimInputs } from './gather.ts';
import type { ProofReport, ProofState, ProofWork } from './proofs-driver.ts';
import { toShow } from './unproven.ts';

type Patch = StatusPatch<typeof hostnameClaimKind>;
type Proof = NonNullable<NonNullable<HostnameClaim['status']>['proof']>;

export interface HostnameClaimStatusInput {
  readonly inputs: HostnameClaimInputs | undefined;
  readonly observed: { readonly proofs: ProofState } | undefined;
  readonly outcome: Outcome;
  readonly now: string;
}

/** Whether the claim holds, how that was shown, or what shows it. */
export function hostnameClaimStatus(
  claim: HostnameClaim,
  { inputs, observed, outcome, now }: HostnameClaimStatusInput,
): Patch {
  if (inputs === undefined || outcome.phase === 'failed') return unknown(claim, outcome);
  if (!inputs.isUsed) return unbound('Unclaimed', 'No object uses the name any more.');
  if (inputs.objection !== undefined) return unbound(inputs.objection.reason, inputs.objection.message);
  if (inputs.proof === undefined) return bound(claim, vouchedProof(inputs, now) ?? claim.status?.proof);
  return lookedFor(claim, inputs.proof, { report: observed?.proofs?.report, now });
}

function lookedFor(
  claim: HostnameClaim,
  proof: ProofWork,
  { report, now }: { readonly report: ProofReport | undefined; readonly now: string },
): Patch {
  if (report === undefined) return awaited(claim, proof);
  const { type: method } = report.found;
  const isShown = method === 'Record' || method === 'Delegation';
  return isShown ? bound(claim, { method, provedAt: now }) : unproven(claim, proof, report);
}

function bound({ spec }: HostnameClaim, proof: Proof | undefined): Patch {
  const message = `${spec.hostname} belongs to tenant ${spec.tenantRef.name}.`;
  return {
    fields: defined<Patch['fields']>({ proof }),
    conditions: [{ type: 'Bound', status: 'True', reason: 'Bound', message }],
  };
}

function unbound(reason: string, message: string, fields: Patch['fields'] = {}): Patch {
  return { fields, conditions: [{ type: 'Bound', status: 'False', reason, message }] };
}

/** What was said stays. */
function unknown(claim: HostnameClaim, outcome: Outcome): Patch {
  const { proof, conditions } = claim.status ?? {};
  if (isTrue(conditions, 'Bound')) return bound(claim, proof);
  const reason = outcome.phase === 'pending' ? outcome.reason : 'Failed';
  const message = 'message' in outcome ? outcome.message : 'The claim is being looked at.';
  return unbound(reason, message, lookFields(claim));
}

function lookFields({ status: { challenge, looks, nextTryAt } = {} }: HostnameClaim): Patch['fields'] {
  return defined<Patch['fields']>({ challenge, looks, nextTryAt });
}

function vouchedProof({ voucher }: HostnameClaimInputs, now: string): Proof | undefined {
  return voucher === undefined || voucher === 'Unneeded' ? undefined : { method: voucher, provedAt: now };
}

/** Before the first look of this process: what was said of earlier ones stays. */
function awaited(claim: HostnameClaim, { question: { challenge } }: ProofWork): Patch {
  const before = findCondition(claim.status?.conditions, 'Bound');
  const message = before?.reason === 'Unproven' ? before.message : `${toShow(challenge, claim.spec.hostname)}.`;
  return unbound('Unproven', message, { ...lookFields(claim), challenge });
}

function unproven({ spec }: HostnameClaim, { question: { challenge } }: ProofWork, report: ProofReport): Patch {
  const { found, looks, nextMs } = report;
  const nextTryAt = rfc3339(nextMs);
  const silence = found.type === 'NoAnswer' ? ' The DNS does not answer.' : '';
  const message = `${toShow(challenge, spec.hostname)}.${silence} Looked for ${looks.count} times; the next look is at ${nextTryAt}.`;
  return unbound('Unproven', message, { challenge, looks, nextTryAt });
}
