/** Every reason that a DatabaseUser's condition may carry. */
export const DATABASE_USER_REASONS = {
  NamespaceWithoutTenant: 'The namespace belongs to no tenant.',
  DatabaseNotFound: 'A Database that it names is not there.',
  DatabaseNotReady: 'A Database that it names is not there on the server yet; it says why.',
  ServersDiffer: 'The Databases that it names are not all on one server.',
  HostNotReady: 'The agent of the host has not told what the host has.',
  SecretNotOurs: 'The Secret was made for something else.',
  SecretNotFound: 'The Secret with the password is not there.',
  NameTaken: 'The server has something of this name that is not ours.',
  StatementRefused: 'The server refuses what is declared; its own words are in the message.',
  Available: 'It can log in.',
  Suspended: 'It, or its tenant, is suspended: it cannot log in.',
  ApplyFailed: 'The server could not be brought into the wanted state; it is tried again.',
  Deleting: 'It is being deleted.',
  RemovalsHeld: 'The host takes nothing down until it is sure of its store; its Host object says why.',
} as const;
