import { findCondition } from '#schemas/meta/conditions.ts';
import type { Tenant } from '#schemas/v1alpha1/tenant.ts';

type Told = Pick<NonNullable<Tenant['status']>, 'conditions'>;

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

/** Whether something is on its way to a host, whose agent acts for it already. */
export function isComingTo(host: string, { host: present, nextHost, moving }: Whereabouts = {}): boolean {
  return nextHost === host && moving !== undefined && present !== host;
}

/** Whether something that was on its way is there, so that only what was said on the way is to be taken back. */
export function hasArrivedOn(host: string, status: Whereabouts & Told = {}): boolean {
  const isThere = status.host === host && status.moving === undefined;
  return isThere && findCondition(status.conditions, 'NextHostReady') !== undefined;
}

/** Without the fields that have no value. */
export function defined<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
