import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import {
  onServerElsewhere,
  heirOf,
  isStranded,
  keptOnServerElsewhere,
  type OnServerElsewhere,
} from '#controllers/handover.ts';
import { keptOfTenant } from '#controllers/kept-databases.ts';
import { isRightlyOn } from '#controllers/server-use.ts';
import type { StayingInputs } from '#controllers/staying-place.ts';
import { defined } from '#controllers/whereabouts.ts';

/** Where a deleted DatabaseUser is, and its host is lost. */
interface Login extends OnServerElsewhere {
  readonly host: string;
}

/** Of a DatabaseUser that is deleted, whose host is lost: where its login is taken down. Nobody waits where that went with the host, or can open nothing any more. */
export function lastPlaceOf(user: DatabaseUser, cache: Cache): StayingInputs | undefined {
  const login = leftLogin(user, cache);
  if (login === undefined) return undefined;
  const { host } = login;
  return {
    host,
    lostHosts: isStranded(login, cache) && hasStranded(login, cache) ? [] : [host],
    ...defined({ heir: heirOf(login, cache) }),
  };
}

/** Those of a tenant that wait for somebody to take their login down. */
export function leftUsersOf(tenant: string, cache: Cache): readonly DatabaseUser[] {
  return cache.list(databaseUserKind, tenant).filter((user) => leftLogin(user, cache) !== undefined);
}

function leftLogin({ metadata, status }: DatabaseUser, cache: Cache): Login | undefined {
  const { namespace: tenant = '', deletionTimestamp } = metadata;
  const { host, server } = status ?? {};
  if (deletionTimestamp === undefined || host === undefined) return undefined;
  return cache.get(hostKind, { name: host })?.spec.lost === true ? { host, server, tenant } : undefined;
}

/** Whether something of its tenant waits there for another host: that one comes to know the server. For a login alone none does. */
function hasStranded({ server: name = '', tenant }: Login, cache: Cache): boolean {
  const server = cache.get(databaseServerKind, { name });
  if (server === undefined) return false;
  const databases = cache
    .list(databaseKind, tenant)
    .filter((database) => database.status?.server === name && isRightlyOn(database, server, cache));
  const kept = keptOfTenant(tenant, cache).map(keptOnServerElsewhere);
  const things = [...databases.map(onServerElsewhere), ...kept.filter((each) => each.server === name)];
  return things.some((thing) => isStranded(thing, cache));
}
