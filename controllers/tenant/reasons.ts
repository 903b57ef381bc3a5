/** Every reason that a Tenant's conditions and events may carry, with what it means (docs/reference/conditions.md). */
export const TENANT_REASONS = {
  Ready: 'The tenant has its namespace, its user id and its place on a host.',
  Accepted: 'Package, limits and namespace are the tenant’s.',
  Placed: 'The tenant has a host.',
  Placing: 'A host is chosen, and its agent is being given what it needs.',
  HostSilent: 'Nothing is heard of the agent of the tenant’s host.',
  PackageNotFound: 'The package named does not exist.',
  NoDefaultPackage: 'No package is named, and none is the default.',
  ParentNotFound: 'The reseller named does not exist.',
  ParentCycle: 'The chain of resellers leads back to the tenant.',
  ParentLimitExceeded: 'The reseller has given away all that its own limits hold.',
  NamespaceTaken: 'A namespace of this name exists and does not carry the tenant’s label.',
  NamespaceTerminating: 'The namespace is being deleted; it is made again afterwards.',
  NoHost:
    'No host takes the tenant: all are out of service or full, lack the labels asked for, or use its name or number for an account of their own.',
  UidsExhausted: 'No user id is free.',
  QuotaPending: 'The server is counting what is in the namespace, and takes nothing new meanwhile.',
  UidClaiming: 'A user id is being claimed, or exchanged for the one that the tenant’s files carry.',
  UidMismatch:
    'Files of the tenant carry another user id on its host, or files of another tenant carry this one; nothing is changed before that is put right (guide “Operations”).',
  HostNotReady: 'The agent of the host has not told what the host has.',
  Applying: 'The wanted state is being brought about.',
  ApplyFailed: 'The wanted state could not be brought about; it is tried again.',
  Suspended: 'Somebody suspended the tenant, or its reseller.',
  NotSuspended: 'The tenant is not suspended.',
  Deleting: 'The tenant is being removed.',
  RemovalsHeld: 'The host takes nothing down until it is sure of its store; its Host object says why.',
} as const;
