import type { Tenant } from '#schemas/v1alpha1/tenant.ts';

/** Where something is, where it goes and how far that is, and where it was: what placement writes into a status. */
export type Whereabouts = Pick<NonNullable<Tenant['status']>, 'host' | 'nextHost' | 'moving' | 'formerHost'>;

/** What a status says of it. */
export function whereaboutsOf({ host, nextHost, moving, formerHost }: Whereabouts = {}): Whereabouts {
  return defined<Whereabouts>({ host, nextHost, moving, formerHost });
}

/** The hosts that it names, each once. */
export function hostsOf({ host, nextHost, formerHost }: Whereabouts = {}): readonly string[] {
  return [...new Set([host, nextHost, formerHost])].filter((name) => name !== undefined);
}

/** Without the fields that have no value. */
export function defined<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
