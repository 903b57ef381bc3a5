/** Every reason that a condition of a Challenge may carry. */
export const CHALLENGE_REASONS = {
  Presented: 'What the CA wants to see is to be seen.',
  Presenting: 'It is being put where the CA looks.',
  NameNotOurs: 'The name is not the tenant’s.',
  HostNotReady: 'The tenant has no host yet, or that is not ready.',
  ZoneNotFound: 'The tenant has no Zone that the name is in, so that no record can show it.',
  NotSeen: 'The web front of the host, or one of the name servers, does not show it.',
  ApplyFailed: 'Something failed on the host; it is tried again.',
  Deleting: 'It is being taken away.',
} as const;
