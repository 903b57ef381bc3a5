/** Every reason that a UIDClaim's condition may carry. */
export const UID_CLAIM_REASONS = {
  Tenant: 'The tenant has the number.',
  RetainedData: 'The tenant is gone; data that carries the number is kept.',
  Unused: 'Nothing carries the number any more; the claim goes.',
} as const;
