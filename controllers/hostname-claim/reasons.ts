/** Every reason that a HostnameClaim's condition may carry. */
export const HOSTNAME_CLAIM_REASONS = {
  Bound: 'The tenant has the name.',
  HostnameTaken: 'Another tenant claimed the name first.',
  HostnameBelowAnother: 'The name lies below a name of another tenant that was not delegated.',
  HostnameAboveAnother: 'The name lies above a name of another tenant.',
  PublicSuffix: 'Everybody registers names below this one; it can not be one tenant’s.',
  HostnameReserved: 'The name is one of the platform’s own.',
  Revoked: 'An administrator says that the name, or one above it, is not the tenant’s.',
  Unproven: 'It is not shown that the name is the tenant’s; the challenge says which record shows it.',
  TenantMissing: 'The tenant is not there.',
  Unclaimed: 'No object uses the name any more; the claim goes.',
  Failed: 'The claim could not be settled; it is tried again.',
} as const;
