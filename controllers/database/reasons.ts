/** Every reason that a Database's condition may carry. */
export const DATABASE_REASONS = {
  NamespaceWithoutTenant: 'The namespace belongs to no tenant.',
  TenantNotReady: 'The tenant has no host yet.',
  HostNotReady: 'The agent of the host has not told what the host has.',
  EngineMissing: 'The host has no server of this kind.',
  NameTaken: 'The server has something of this name that is not ours.',
  StatementRefused: 'The server refuses what is declared; its own words are in the message.',
  Available: 'It is there, and can be used.',
  Suspended: 'It, or its tenant, is suspended: nobody is let in.',
  ApplyFailed: 'The server could not be brought into the wanted state; it is tried again.',
  Deleting: 'It is being deleted.',
  RemovalsHeld: 'The host takes nothing down until it is sure of its store; its Host object says why.',
} as const;
