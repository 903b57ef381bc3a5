/** Every reason that a condition of a Certificate may carry. */
export const CERTIFICATE_REASONS = {
  Issued: 'There is a good certificate for all names.',
  Missing: 'There is none yet.',
  SpecChanged: 'Other names, another key or another issuer are wanted than the certificate was got for.',
  Renewal: 'It is time for the next one; the present one serves until that is there.',
  Requested: 'Somebody asked for a new one.',
  Revoked: 'Somebody said that it must not be trusted any longer; another one takes its place.',
  Unusable: 'What is in the Secret cannot serve.',
  Issuing: 'It is on its way.',
  Presenting: 'The CA waits to see that the names are ours.',
  Ordering: 'The CA is working on it.',
  Paced: 'The CA allows only so many at a time.',
  NamesRefused: 'The CA refused some of the names.',
  IssuanceFailed: 'The last attempt failed; the CA’s own words are in the message.',
  IssuerNotFound: 'There is no such issuer.',
  IssuerNotReady: 'The issuer cannot issue at the moment.',
  NameNotOurs: 'A name is not the tenant’s: claim it by a Domain first.',
  NameElsewhere: 'A name does not lead to the host yet, so that the CA would refuse it.',
  CaaForbids: 'CAA records do not let the CA issue for a name.',
  NoSolver: 'The issuer has no way to show that a name is ours.',
  SecretNotOurs: 'The Secret was made for something else.',
  SecretNotFound: 'A Secret that the issuer names is not there.',
  ReducedCoverage: 'The certificate is not for all names: the CA refused some, and the spec allows that.',
  ApplyFailed: 'The API server did not do what was asked; it is tried again.',
  Deleting: 'It is being deleted.',
} as const;

export type CertificateReason = keyof typeof CERTIFICATE_REASONS;
