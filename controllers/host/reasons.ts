/** Every reason that a Host's condition may carry. */
export const HOST_REASONS = {
  Serving: 'The agent works and the web front is there.',
  FrontMissing: 'The web front is not installed.',
  LimitsEnforced: 'Limits of processor time, memory and processes hold.',
  LimitsNotEnforced: 'The host runs its daemons in a way that enforces no limits (a private instance or a container).',
  OtherStore:
    'The API server has another store behind it than the one that the host served; nothing is taken down until a person confirms it.',
  ManyAtOnce:
    'Many objects are gone that were not taken down; what the host serves for them goes on until a person confirms it.',
} as const;
