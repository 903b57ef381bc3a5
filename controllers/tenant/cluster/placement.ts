import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind } from '#schemas/v1alpha1/database-user.ts';
import type { Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isStranded, onServerElsewhere } from '#controllers/handover.ts';
import { isGranted } from '#controllers/host-rights.ts';
import { chooseHost, type Placing } from './choose-host.ts';
import { isHostLost, isHostSilent } from './host-state.ts';
import type { Place } from './inputs.ts';
import { formerHostOf, moveOf } from './move.ts';

/**
 * Where a tenant runs. Once placed it stays, whatever else would be better, until its host is emptied or declared lost, or the tenant is told to be elsewhere.
 *
 * A host is chosen first, as `nextHost`; it becomes the tenant's when its agent has been given what it needs to write there, and, where the tenant comes from
 * another host, when all of it was copied. So nothing is ever placed with an agent that may not tell how it went.
 */
export function placementOf(tenant: Tenant, placing: Placing): Place {
  const { cache } = placing;
  const { host } = tenant.status ?? {};
  if (host === undefined || isHostLost(host, cache)) return firstPlaceOf(tenant, placing);
  const formerHost = formerHostOf(tenant, cache);
  return {
    host,
    ...(isHostSilent(host, cache) ? { isHostSilent: true } : {}),
    ...(formerHost === undefined ? moveOf(tenant, host, placing) : { formerHost }),
  };
}

function firstPlaceOf(tenant: Tenant, placing: Placing): Place {
  const { name } = tenant.metadata;
  const chosen = chooseHost(tenant, tenant.status?.nextHost, placing);
  if (chosen === undefined) return { unplaced: 'No host takes this tenant at the moment.' };
  return isGranted(chosen, { tenants: name }, placing.cache) ? { host: chosen } : { nextHost: chosen };
}

/** Where a tenant that is being deleted is taken down; nobody waits for a host that is lost, but for another one where something is left that outlives it. */
export function lastPlaceOf(tenant: Tenant, placing: Placing): Place {
  const { cache } = placing;
  const isThere = (host: string | undefined): host is string => host !== undefined && !isHostLost(host, cache);
  const { host, nextHost, moving, formerHost } = tenant.status ?? {};
  if (!isThere(host) && hasStranded(tenant, cache)) return firstPlaceOf(tenant, placing);
  return {
    ...(isThere(host) ? { host } : {}),
    ...(isThere(nextHost) && moving !== undefined ? { nextHost, moving } : {}),
    ...(isThere(formerHost) ? { formerHost } : {}),
  };
}

/** Whether a Database or its login is on a server elsewhere, and the host that looked after it is gone. */
function hasStranded({ metadata: { name } }: Tenant, cache: Cache): boolean {
  const things = [...cache.list(databaseKind, name), ...cache.list(databaseUserKind, name)];
  return things.some((thing) => isStranded(onServerElsewhere(thing), cache));
}
