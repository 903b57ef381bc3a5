/** Every reason that a condition of an Issuer or ClusterIssuer may carry. */
export const ISSUER_REASONS = {
  Available: 'Certificates can be had from it.',
  AccountRefused: 'The CA opens no account; its own words are in the message.',
  ApplyFailed: 'The CA, or the API server, did not do what was asked; it is tried again.',
  AuthorityInvalid: 'The Secret holds no certificate of a CA with its key.',
  SecretNotFound: 'A Secret that it names is not there, or lacks a key.',
  SecretNotOurs: 'The Secret for the account was made for something else.',
  IssuerNotReady: 'It cannot issue.',
} as const;
