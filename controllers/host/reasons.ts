/** Every reason that a Host's condition may carry. */
export const HOST_REASONS = {
  Serving: 'The agent works and the web front is there.',
  NotJoined: 'No agent has joined under this name yet.',
  AgentSilent:
    'Nothing was heard of the agent for longer than the grace. What the host serves goes on, new tenants go elsewhere, and nothing is deleted.',
  Lost: 'A person declared the machine gone for good (spec.lost); its tenants are placed elsewhere.',
  Draining: 'The host is being emptied: its tenants are moved, a few at a time.',
  Empty: 'No tenant is on the host any more.',
  NoHost: 'The host is to be emptied, and no other one takes some of its tenants.',
  TenantsLeft: 'The Host is being deleted and waits for tenants that are still on it.',
  ApplyFailed: 'The rights of the agent could not be written; it is tried again.',
  FrontMissing: 'The web front is not installed.',
  LimitsEnforced: 'Limits of processor time, memory and processes hold.',
  LimitsNotEnforced: 'The host runs its daemons in a way that enforces no limits (a private instance or a container).',
  OtherStore:
    'The API server has another store behind it than the one that the host served; nothing is taken down until a person confirms it.',
  Claimed: 'The name of the panel is the platform’s, and its certificate is there.',
  HostnameTaken: 'A tenant has the name that the panel is to have.',
  SecretNotFound: 'There is no Secret with the certificate of the panel, or of the database servers.',
  CertificateInvalid:
    'The Secret of the panel, or of the database servers, holds nothing that visitors could be served with.',
  Listening: 'The database servers of the host are reached over the network, as DatabaseServers say.',
  PortTaken: 'Somebody else listens where a database server of the host is to.',
  PanelServing: 'The panel answers under its name.',
  NotServing: 'The web front does not serve the panel yet.',
  HttpsMissing: 'The web front of the host speaks no TLS, so that nothing of the panel is served.',
  DnsServing: 'The name server of the host answers.',
  DnsSilent: 'The name server of the host does not answer; the agent goes on trying to start it, and zones wait.',
  ManyAtOnce:
    'Many objects are gone that were not taken down; what the host serves for them goes on until a person confirms it.',
} as const;
