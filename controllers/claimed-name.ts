import { isTrue } from '#schemas/meta/conditions.ts';
import { claimNameOf } from '#schemas/meta/names.ts';
import { hostnameClaimKind } from '#schemas/v1alpha1/hostname-claim.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { OwnershipChallenge } from './hostname-claim/challenge.ts';
import { isUnproven, toShow } from './hostname-claim/unproven.ts';
import type { JudgeHostname } from './parts.ts';

/** One name that an object wants, and how far it is. */
export interface NameState {
  readonly hostname: string;
  /** Unproven: the tenant has to show that the name is its own. */
  readonly state: 'Bound' | 'Claiming' | 'Unproven' | 'Refused';
  /** For Refused and Unproven: the word for the condition, and the sentence for the customer. */
  readonly reason?: string;
  readonly message?: string;
  /** The record by which the tenant has the name; for Refused, too, where whoever claimed it has not shown that it is theirs. */
  readonly challenge?: OwnershipChallenge;
}

/** How far a tenant is with a name. */
export function nameState(hostname: string, tenant: string, cache: Cache, judge: JudgeHostname): NameState {
  const claim = cache.get(hostnameClaimKind, { name: claimNameOf(hostname) });
  const ours = claim?.spec.tenantRef.name === tenant ? claim.status : undefined;
  if (isTrue(ours?.conditions, 'Bound')) return { hostname, state: 'Bound' };
  const objection = judge(hostname, tenant, cache);
  if (objection !== undefined) return { hostname, state: 'Refused', ...objection };
  const challenge = isUnproven({ status: ours }) ? ours?.challenge : undefined;
  if (challenge === undefined) return { hostname, state: 'Claiming' };
  return { hostname, state: 'Unproven', reason: 'Unproven', message: `${toShow(challenge, hostname)}.`, challenge };
}

/** What a condition says of names: of those that cannot be had before those that are to be shown; `undefined` when neither is so. */
export function lackingName(
  names: readonly NameState[],
): { readonly reason: string; readonly message: string } | undefined {
  const lacking = (['Refused', 'Unproven'] as const).flatMap((state) => names.filter((name) => name.state === state));
  const [first] = lacking;
  return first && { reason: first.reason ?? 'HostnameTaken', message: first.message ?? '' };
}

/** What a status says of names that a tenant can have by showing that they are its own. */
export function challengesIn(names: readonly NameState[]): {
  readonly challenges?: readonly ({ readonly hostname: string } & OwnershipChallenge)[];
} {
  const challenges = names.flatMap(({ hostname, challenge }) =>
    challenge === undefined ? [] : [{ hostname, ...challenge }],
  );
  return challenges.length === 0 ? {} : { challenges };
}
