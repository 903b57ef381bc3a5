/** Every reason that a DatabaseServer's condition may carry. */
export const DATABASE_SERVER_REASONS = {
  Available: 'Databases can be on it.',
  SecretNotFound:
    'The Secret with its administrator is not there, or has no username and password; or the one with its certificate.',
  ServerUnreachable: 'It does not answer, or is not the one that it should be; the message says why.',
  VersionUnfit: 'Its version is not one of those that will do.',
  ServerUnfit: 'What keeps tenants apart cannot be had on it; the message says what is missing.',
  Lost: 'A person declared the server gone for good (spec.lost): nobody speaks to it, and what was on it goes when its object is deleted.',
  InUse: 'Databases are on it, or kept data: it goes when they are gone.',
  Maintained: 'The makers of the server still mend its version.',
  EndOfLife: 'The makers of the server mend its version no more.',
  ApplyFailed: 'It could not be looked at; it is tried again.',
} as const;
