/** Every reason that a Package's condition may carry. */
export const PACKAGE_REASONS = {
  Available: 'Tenants can have the package.',
} as const;
