import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending } from '#runtime/manager/controller.ts';
import { nameOnServer } from '#controllers/database-names.ts';
import { keptForObject } from '#controllers/kept-data.ts';
import { isNowhere } from '#controllers/server-room.ts';
import { isSameServer, wantedServer } from '#controllers/server-use.ts';
import { hostsOf, type Whereabouts } from '#controllers/whereabouts.ts';

/**
 * What became of the object that data was of, as far as the cache tells:
 *
 * | Gone    | it is not there, or on another host, or another server         |
 * | Leaving | its host still has something of it                             |
 * | Back    | it is here again, and has its data, or is given it             |
 * | Waiting | it is declared, has no host, and may have its data once it has |
 */
export type ObjectOfKept = 'Gone' | 'Leaving' | 'Back' | 'Waiting';

export function objectOfKept(kept: RetainedData, cache: Cache): ObjectOfKept {
  const { host } = kept.spec;
  const found = foundFor(kept, cache);
  if (found === undefined) return 'Gone';
  const status: Whereabouts = found.status ?? {};
  if (status.host === undefined && status.nextHost === undefined) return 'Waiting';
  const isComing = status.host === host || status.nextHost === host;
  if (isComing && found.metadata.deletionTimestamp === undefined) return 'Back';
  return hostsOf(status).includes(host) ? 'Leaving' : 'Gone';
}

/** What is kept of an object. */
export function keptOf({ kind, metadata }: KubeObject, cache: Cache): readonly ObjectKey[] {
  const { namespace = '', name } = metadata;
  return keptForObject({ kind, namespace, name }, cache).map((kept) => ({ name: kept.metadata.name }));
}

/** A database on another server has nothing to do with it. */
function foundFor({ spec: { objectRef, database } }: RetainedData, cache: Cache) {
  if (objectRef.kind === domainKind.kind) return cache.get(domainKind, objectRef);
  if (objectRef.kind !== databaseKind.kind) return undefined;
  const found = cache.get(databaseKind, objectRef);
  if (found === undefined || database === undefined) return undefined;
  const isSame = found.spec.engine === database.engine && nameOnServer(found) === database.databaseName;
  return isSame && isOnOrMayComeTo(found, database.server, cache) ? found : undefined;
}

/** Of one that waits for a server which is not there nobody knows which it will be. */
function isOnOrMayComeTo(database: Database, server: string | undefined, cache: Cache): boolean {
  if (!isNowhere(database)) return isSameServer(database.status?.server, server, cache);
  const wanted = wantedServer(database, cache);
  return isPending(wanted) || isSameServer(wanted?.metadata.name, server, cache);
}
