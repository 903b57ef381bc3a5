/** Every reason that a Host's condition may carry. */
export const HOST_REASONS = {
  Serving: 'The agent works and the web front is there.',
  FrontMissing: 'The web front is not installed.',
  LimitsEnforced: 'Limits of processor time, memory and processes hold.',
  LimitsNotEnforced: 'The host runs its daemons in a way that enforces no limits (a private instance or a container).',
} as const;
