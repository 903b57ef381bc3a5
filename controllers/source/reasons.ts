/** Every reason that a Source's condition may carry. */
export const SOURCE_REASONS = {
  Applied: 'Everything of the newest revision is applied.',
  Waiting: 'As many Sources of the tenant are looked at as may be at once.',
  Suspended: 'It is suspended: nothing is looked at, and what was applied stays.',
  DirectoryNotAllowed: 'Only Sources of the platform, in wcp360-system, may name a directory of the machine.',
  UrlNotAllowed: 'The form of the URL is not one of https, ssh and (for the platform) file.',
  AddressNotAllowed: 'The server of the repository is not at a public address.',
  FetchFailed: 'The repository could not be asked or fetched; it is tried again after the interval.',
  ReadFailed: 'What was found could not be read; nothing is changed or pruned.',
  PathNotFound: 'There is no such directory; nothing is changed.',
  PathVanished: 'The directory is gone that objects were applied from: nothing is pruned before a person confirms it.',
  SourceEmpty: 'There are no manifests any more: nothing is pruned before a person confirms it.',
  SignatureInvalid: 'The commit is not signed with one of the keys that count; the revision before stays.',
  SecretNotFound: 'A Secret that it refers to is not there, or its account may not read it.',
  AccountNotFound: 'The ServiceAccount is not there.',
  AccountNotAllowed: 'WCP360 may not act as this ServiceAccount; an administrator allows it in the namespace.',
  ManifestsInvalid:
    'Manifests are wrong or not allowed, told with file and line; nothing of the revision is applied, or not all of it.',
  TooManyObjects: 'There are more objects than one Source may hold; divide it.',
  PruneFailed: 'Objects that are no longer declared could not be deleted; it is tried again after the interval.',
  ApplyFailed: 'The server could not be asked; it is tried again, later and later.',
} as const;

export type SourceReason = keyof typeof SOURCE_REASONS;
