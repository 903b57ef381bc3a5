import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import { databasesByHost, databasesOn } from '#controllers/database-server.ts';
import { databaseNameOf, type Engine } from '#controllers/database-names.ts';
import { hostsOf } from '#controllers/whereabouts.ts';

/** What a DatabaseUser uses, all on one server. */
export interface UsedDatabases {
  readonly host: string;
  readonly engine: Engine;
  /** What may be done where, by the name on the server. The first one is what its Secret is for. */
  readonly grants: readonly (readonly [databaseName: string, DatabaseUser['spec']['databases'][number]['access']])[];
}

const BY_DATABASE = 'usedDatabase';

/** DatabaseUsers by the Databases that they use. */
const usersByDatabase = {
  kind: databaseUserKind,
  index: {
    name: BY_DATABASE,
    valuesOf: (user: KubeObject) =>
      (user as DatabaseUser).spec.databases.map(({ name }) => `${user.metadata.namespace ?? ''}/${name}`),
  },
};

const BY_HOST = 'host';

/** DatabaseUsers by where they are. */
const usersByHost = {
  kind: databaseUserKind,
  index: { name: BY_HOST, valuesOf: (user: KubeObject) => hostsOf((user as DatabaseUser).status) },
};

/** What the look-ups of this file go by. */
export const userIndexes = [usersByDatabase, usersByHost, databasesByHost];

/** Those who use a Database. */
export function usersOf({ metadata: { namespace = '', name } }: KubeObject, cache: Cache): readonly DatabaseUser[] {
  return cache.byIndex(databaseUserKind, BY_DATABASE, `${namespace}/${name}`);
}

/** Those who use a server of a host, or did. */
export function usersOn(host: KubeObject, cache: Cache): readonly DatabaseUser[] {
  const byDatabase = databasesOn(host, cache).flatMap((database) => usersOf(database, cache));
  return [...new Set([...byDatabase, ...cache.byIndex(databaseUserKind, BY_HOST, host.metadata.name)])];
}

/** Reads the Databases that it names. */
export function usedDatabases(user: DatabaseUser, cache: Cache): UsedDatabases | Pending {
  const { namespace = '' } = user.metadata;
  const found = user.spec.databases.map(({ name }) => cache.get(databaseKind, { namespace, name }));
  const missing = user.spec.databases[found.indexOf(undefined)];
  if (missing !== undefined)
    return pending('DatabaseNotFound', `There is no Database ${missing.name} in this namespace.`);
  const place = placeOf(found.filter((database) => database !== undefined));
  if (isPending(place)) return place;
  const grants = user.spec.databases.map(({ name, access }) => [databaseNameOf(namespace, name), access] as const);
  return { ...place, grants };
}

/** Where all of them are. */
function placeOf([first, ...others]: readonly Database[]): Pick<UsedDatabases, 'host' | 'engine'> | Pending {
  const host = first?.status?.host;
  if (first === undefined || host === undefined)
    return pending('DatabaseNotReady', `Database ${first?.metadata.name ?? ''} has no host yet; it says why.`);
  const { engine } = first.spec;
  const elsewhere = others.find(({ spec, status }) => spec.engine !== engine || status?.host !== host);
  if (elsewhere === undefined) return { host, engine };
  const message = `Databases ${first.metadata.name} and ${elsewhere.metadata.name} are not on one server: make a DatabaseUser for each.`;
  return pending('ServersDiffer', message);
}

function pending(reason: string, message: string): Pending {
  return { pending: { reason, message } };
}
