import { findCondition } from '#schemas/meta/conditions.ts';
import type { HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import type { OwnershipChallenge } from './challenge.ts';

/** Whether all that a claim lacks is its proof. */
export function isUnproven({ status }: { readonly status?: HostnameClaim['status'] | undefined }): boolean {
  const bound = findCondition(status?.conditions, 'Bound');
  return bound?.status === 'False' && bound.reason === 'Unproven';
}

/** What a customer is told to do, without the dot at the end. */
export function toShow({ name, type, value }: OwnershipChallenge, hostname: string): string {
  return `To show that ${hostname} is yours, set the ${type} record ${name} to "${value}"`;
}
