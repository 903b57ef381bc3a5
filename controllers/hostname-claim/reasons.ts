/** Every reason that a HostnameClaim's condition may carry. */
export const HOSTNAME_CLAIM_REASONS = {
  Bound: 'The tenant has the name.',
  HostnameTaken: 'Another tenant claimed the name first.',
  HostnameBelowAnother: 'The name lies below a name of another tenant that was not delegated.',
  HostnameAboveAnother: 'The name lies above a name of another tenant.',
  PublicSuffix: 'Everybody registers names below this one; it can not be one tenant’s.',
  Unclaimed: 'No object uses the name any more; the claim goes.',
  Failed: 'The claim could not be settled; it is tried again.',
} as const;
