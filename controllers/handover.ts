import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import type { Database } from '#schemas/v1alpha1/database.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import type { DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import type { RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';

// Who looks after what is on a server elsewhere once the host that did so is lost: nothing of it was on that host.

/** Something on a database server, as far as its next host follows from that. */
export interface OnServerElsewhere {
  /** Where it is looked after. */
  readonly host: string | undefined;
  readonly server: string | undefined;
  readonly tenant: string;
}

export function onServerElsewhere({
  metadata: { namespace = '' },
  status,
}: Database | DatabaseUser): OnServerElsewhere {
  return { host: status?.host, server: status?.server, tenant: namespace };
}

export function keptOnServerElsewhere({ spec: { host, database, tenantRef } }: RetainedData): OnServerElsewhere {
  return { host, server: database?.server, tenant: tenantRef.name };
}

/** Whether a host will not come back by itself: it was declared lost, or there is no such Host. */
export function isHostGone(name: string, cache: Cache): boolean {
  return cache.get(hostKind, { name })?.spec.lost ?? true;
}

/** Whether a server is none of a host's. */
export function isExternal(server: string | undefined, cache: Cache): boolean {
  return serverOf(server, cache)?.spec.external !== undefined;
}

/** Whether what is there outlives the host that looks after it. */
export function isElsewhereStill(server: string | undefined, cache: Cache): boolean {
  return isExternal(server, cache) && serverOf(server, cache)?.spec.lost !== true;
}

/** Whether its host is gone, and it is not. */
export function isStranded({ host, server }: OnServerElsewhere, cache: Cache): boolean {
  return host !== undefined && isElsewhereStill(server, cache) && isHostGone(host, cache);
}

/** The host that is to look after it. `undefined`: it has one, or nobody can so far. */
export function nextHostOf(thing: OnServerElsewhere, cache: Cache): string | undefined {
  return isStranded(thing, cache) ? candidatesFor(thing, cache).find((name) => !isHostGone(name, cache)) : undefined;
}

/** Its tenant's host alone, also while the tenant has none: no other agent may write in its namespace. What outlived the tenant is looked after by any that uses the server. */
function candidatesFor({ tenant: name, server }: OnServerElsewhere, cache: Cache): readonly string[] {
  const tenant = cache.get(tenantKind, { name });
  if (tenant === undefined) return serverOf(server, cache)?.status?.hosts?.toSorted() ?? [];
  return tenant.status?.host === undefined ? [] : [tenant.status.host];
}

/** The same, once the server's administrator may be known to it. */
export function heirOf(thing: OnServerElsewhere, cache: Cache): string | undefined {
  const heir = nextHostOf(thing, cache);
  const admitted = serverOf(thing.server, cache)?.status?.hosts ?? [];
  return heir !== undefined && admitted.includes(heir) ? heir : undefined;
}

function serverOf(name: string | undefined, cache: Cache): DatabaseServer | undefined {
  return name === undefined ? undefined : cache.get(databaseServerKind, { name });
}
