/** Every reason that a UIDClaim's condition may carry. */
export const UID_CLAIM_REASONS = {
  Tenant: 'The tenant has the number.',
  RetainedData: 'The tenant is gone; data that carries the number is kept.',
  Mistaken:
    'It was given before a host could tell: files of the tenant carry another number, or files of another tenant this one; the claim goes.',
  Unused: 'Nothing carries the number any more; the claim goes.',
} as const;
