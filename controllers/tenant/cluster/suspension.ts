import type { Tenant } from '#schemas/v1alpha1/tenant.ts';

/** The sentence for visitors and the customer while a tenant, or a reseller above it, is suspended; `undefined` while none is. */
export function suspensionOf(tenant: Tenant, parents: readonly Tenant[]): string | undefined {
  const [first] = tenant.spec.suspensions;
  if (first !== undefined) return first.message ?? SENTENCES[first.reason];
  return parents.some((parent) => parent.spec.suspensions.length > 0) ? 'This account is suspended.' : undefined;
}

const SENTENCES: Readonly<Record<Tenant['spec']['suspensions'][number]['reason'], string>> = {
  Billing: 'This account is suspended until a bill is paid.',
  Abuse: 'This account is suspended.',
  Quota: 'This account has used up what it may use.',
  Security: 'This account is suspended for its safety.',
  Maintenance: 'This site is under maintenance and will be back soon.',
  Requested: 'This account is suspended at its owner’s request.',
};
