import { isTrue } from '#schemas/meta/conditions.ts';
import { claimNameOf } from '#schemas/meta/names.ts';
import { hostnameClaimKind } from '#schemas/v1alpha1/hostname-claim.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { JudgeHostname } from './parts.ts';

/** One name that an object wants, and how far it is. */
export interface NameState {
  readonly hostname: string;
  readonly state: 'Bound' | 'Claiming' | 'Refused';
  /** For Refused: the word for the condition, and the sentence for the customer. */
  readonly reason?: string;
  readonly message?: string;
}

/** How far a tenant is with a name. */
export function nameState(hostname: string, tenant: string, cache: Cache, judge: JudgeHostname): NameState {
  const claim = cache.get(hostnameClaimKind, { name: claimNameOf(hostname) });
  const isOurs = claim?.spec.tenantRef.name === tenant;
  if (isOurs && isTrue(claim.status?.conditions, 'Bound')) return { hostname, state: 'Bound' };
  const objection = judge(hostname, tenant, cache);
  return objection === undefined ? { hostname, state: 'Claiming' } : { hostname, state: 'Refused', ...objection };
}
