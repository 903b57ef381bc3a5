/** Every reason that the verdict on a request of a host may carry. */
export const CERTIFICATE_SIGNING_REQUEST_REASONS = {
  AgentOfHost: 'The request is for the agent of the host, and by it or with its join token.',
  HostUnknown: 'There is no such Host, or it is being deleted, or was declared lost.',
  LifeTooLong: 'The request says no expirationSeconds, or more than 90 days.',
  NotOfCommand: 'The token is none of `wcpctl host join-command`, or the command was revoked.',
  OtherHost: 'The request is for the name of another host.',
  OtherUse: 'The request is for another use than that of a client, or for more names than one.',
  TokenUsed: 'The command was used already; each is good for one machine.',
} as const;
