/** Every reason that a Package's condition may carry. */
export const PACKAGE_REASONS = {
  Available: 'Tenants can have the package.',
  RecordInvalid: 'A record of the package has a value that no record of its type has; zones go without it.',
} as const;
