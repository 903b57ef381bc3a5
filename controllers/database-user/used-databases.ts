import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import type { DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { DatabaseGrant } from '#runtime/drivers/databases/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import { databasesByHost, databasesOn } from '#controllers/database-server.ts';
import { nameOnServer, type Engine } from '#controllers/database-names.ts';
import { databasesByServer, databasesOfServer, usersByServer, usersPutOn } from '#controllers/server-indexes.ts';
import { isSameServer } from '#controllers/server-use.ts';
import { hostsOf } from '#controllers/whereabouts.ts';

/** What a DatabaseUser uses, all on one server. */
export interface UsedDatabases {
  readonly host: string;
  readonly engine: Engine;
  /** Name of its DatabaseServer; absent: the one that the host keeps for itself. */
  readonly server?: string;
  /** What may be done where, by the name on the server. The first one is what its Secret is for. */
  readonly grants: readonly (readonly [databaseName: string, grant: DatabaseGrant])[];
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

const BY_NETWORK = 'network';
const NAMED = 'Named';

/** DatabaseUsers that say from which networks they come. */
const usersByNetwork = {
  kind: databaseUserKind,
  index: {
    name: BY_NETWORK,
    valuesOf: (user: KubeObject) => ((user as DatabaseUser).spec.hosts.length > 0 ? [NAMED] : []),
  },
};

/** What the look-ups of this file go by. */
export const userIndexes = [
  usersByDatabase,
  usersByHost,
  usersByNetwork,
  usersByServer,
  databasesByHost,
  databasesByServer,
];

/** What may be done with a Database. */
export function grantOf({ access = 'Owner', privileges }: DatabaseUser['spec']['databases'][number]): DatabaseGrant {
  return privileges === undefined ? access : privileges.toSorted();
}

/** Those who use a Database. */
export function usersOf({ metadata: { namespace = '', name } }: KubeObject, cache: Cache): readonly DatabaseUser[] {
  return cache.byIndex(databaseUserKind, BY_DATABASE, `${namespace}/${name}`);
}

/** Those who use a server of a host, or did. */
export function usersOn(host: KubeObject, cache: Cache): readonly DatabaseUser[] {
  const byDatabase = databasesOn(host, cache).flatMap((database) => usersOf(database, cache));
  return [...new Set([...byDatabase, ...cache.byIndex(databaseUserKind, BY_HOST, host.metadata.name)])];
}

/** Those who use a DatabaseServer, or did; and those who come over the network, where it may be the way to servers that no Database names. */
export function usersOfServer(server: KubeObject, cache: Cache): readonly DatabaseUser[] {
  const { metadata, spec } = server as DatabaseServer;
  const { name } = metadata;
  const byDatabase = databasesOfServer(name, cache).flatMap((database) => usersOf(database, cache));
  const remote = spec.managed === undefined ? [] : cache.byIndex(databaseUserKind, BY_NETWORK, NAMED);
  return [...new Set([...byDatabase, ...usersPutOn(name, cache), ...remote])];
}

/** Reads the Databases that it names. */
export function usedDatabases(user: DatabaseUser, cache: Cache): UsedDatabases | Pending {
  const { namespace = '' } = user.metadata;
  const found = user.spec.databases.map(({ name }) => cache.get(databaseKind, { namespace, name }));
  const missing = user.spec.databases[found.indexOf(undefined)];
  if (missing !== undefined)
    return pending('DatabaseNotFound', `There is no Database ${missing.name} in this namespace.`);
  const databases = found.filter((database) => database !== undefined);
  const place = placeOf(databases, cache);
  if (isPending(place)) return place;
  const names = new Map(databases.map((database) => [database.metadata.name, nameOnServer(database)]));
  const grants = user.spec.databases.map((use) => [names.get(use.name) ?? '', grantOf(use)] as const);
  return { ...place, grants };
}

/** Of those that it names, the ones that are there on the server that it was put on; `undefined`: none is. */
export function stayingDatabases(user: DatabaseUser, cache: Cache): UsedDatabases | undefined {
  const { namespace = '' } = user.metadata;
  const { host, server } = user.status ?? {};
  const there = user.spec.databases.flatMap((use) => {
    const { name } = use;
    const database = cache.get(databaseKind, { namespace, name });
    const isThere = database?.status?.databaseName !== undefined;
    return isThere && database.status?.host === host && isSameServer(database.status?.server, server, cache)
      ? [{ engine: database.spec.engine, grant: [nameOnServer(database), grantOf(use)] as const }]
      : [];
  });
  const [first] = there;
  if (first === undefined || host === undefined) return undefined;
  const { engine } = first;
  const grants = there.filter((each) => each.engine === engine).map(({ grant }) => grant);
  return { host, engine, ...(server === undefined ? {} : { server }), grants };
}

/** Where all of them are. */
function placeOf(
  [first, ...others]: readonly Database[],
  cache: Cache,
): Pick<UsedDatabases, 'host' | 'engine' | 'server'> | Pending {
  const host = first?.status?.host;
  if (first === undefined || host === undefined) return unplaced(first);
  const { engine } = first.spec;
  const { server } = first.status ?? {};
  const elsewhere = others.find(
    ({ spec, status }) =>
      spec.engine !== engine || status?.host !== host || !isSameServer(status.server, server, cache),
  );
  if (elsewhere === undefined) return { host, engine, ...(server === undefined ? {} : { server }) };
  const message = `Databases ${first.metadata.name} and ${elsewhere.metadata.name} are not on one server: make a DatabaseUser for each.`;
  return pending('ServersDiffer', message);
}

function unplaced(database: Database | undefined): Pending {
  const { name = '' } = database?.metadata ?? {};
  return database?.status === undefined
    ? pending('DatabaseNew', `Nobody has looked at Database ${name} yet.`)
    : pending('DatabaseNotReady', `Database ${name} has no host yet; it says why.`);
}

function pending(reason: string, message: string): Pending {
  return { pending: { reason, message } };
}
