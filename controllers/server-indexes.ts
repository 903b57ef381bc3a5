import type { Cache } from '#runtime/manager/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { firstKeeperOf } from './kept-data.ts';

// What is on a DatabaseServer, found and counted without a look at all else.

const BY_SERVER = 'server';

/** Databases by the DatabaseServer that they are on, or want to be on by name; by their engine, which is no name of one, those without. */
export const databasesByServer = {
  kind: databaseKind,
  index: {
    name: BY_SERVER,
    valuesOf: (database: KubeObject) => {
      const { spec, status } = database as Database;
      return [status?.server ?? spec.serverRef?.name ?? spec.engine];
    },
    groupOf: databaseGroupOf,
  },
};

/** What is kept by the DatabaseServer that it is on. */
export const keptByServer = {
  kind: retainedDataKind,
  index: {
    name: BY_SERVER,
    valuesOf: (kept: KubeObject) => [(kept as RetainedData).spec.database?.server].filter((name) => name !== undefined),
    groupOf: keptGroupOf,
  },
};

/** DatabaseUsers by the DatabaseServer that they were put on. */
export const usersByServer = {
  kind: databaseUserKind,
  index: {
    name: BY_SERVER,
    valuesOf: (user: KubeObject) => [(user as DatabaseUser).status?.server].filter((name) => name !== undefined),
    groupOf: userGroupOf,
  },
};

const BY_DEFAULT = 'default';

/** DatabaseServers by the engine that they are a default of. */
export const serversByDefault = {
  kind: databaseServerKind,
  index: {
    name: BY_DEFAULT,
    valuesOf: (server: KubeObject) => {
      const { engine, isDefault } = (server as DatabaseServer).spec;
      return isDefault ? [engine] : [];
    },
  },
};

/** What all Databases of a group have in common. */
export interface DatabaseLike {
  readonly spec: Pick<Database['spec'], 'engine' | 'serverRef'>;
  readonly status: Pick<NonNullable<Database['status']>, 'host' | 'server' | 'serverVersion'>;
}

/** What all that is kept of a group has in common. */
interface KeptLike {
  readonly host: string;
  /** Whether that host kept it from the beginning. */
  readonly isFirst: boolean;
}

/** So many of a kind that a server has in common with those. */
interface Counted<T> {
  readonly like: T;
  readonly count: number;
}

/** What of one counts for its server. */
export function databaseGroupOf(object: KubeObject): string {
  const { spec, status = {} } = object as Database;
  const { host, server, serverVersion } = status;
  const { engine, serverRef } = spec;
  return JSON.stringify({
    spec: { engine, serverRef },
    status: { host, server, serverVersion },
  } satisfies Loose<DatabaseLike>);
}

type Loose<T> = { readonly [K in keyof T]: { readonly [F in keyof T[K]]: T[K][F] | undefined } };

/** The same, of a DatabaseUser: its host. */
export function userGroupOf(user: KubeObject): string {
  return (user as DatabaseUser).status?.host ?? '';
}

/** The same, of what is kept. */
function keptGroupOf(object: KubeObject): string {
  const kept = object as RetainedData;
  const { host } = kept.spec;
  return JSON.stringify({ host, isFirst: firstKeeperOf(kept) === host } satisfies KeptLike);
}

/** Those that are on a DatabaseServer, or want to be, without a look at each; of an engine: those that are on none. */
export function databasesCounted(name: string, cache: Cache): readonly Counted<DatabaseLike>[] {
  const groups = [...cache.counts(databaseKind, BY_SERVER, name)];
  return groups.map(([text, count]) => ({ like: JSON.parse(text) as DatabaseLike, count }));
}

/** What is kept on a DatabaseServer, without a look at each. */
export function keptCounted(name: string, cache: Cache): readonly Counted<KeptLike>[] {
  const groups = [...cache.counts(retainedDataKind, BY_SERVER, name)];
  return groups.map(([text, count]) => ({ like: JSON.parse(text) as KeptLike, count }));
}

/** Those that were put on a DatabaseServer, by host; empty for those without one. */
export function usersCounted(name: string, cache: Cache): ReadonlyMap<string, number> {
  return cache.counts(databaseUserKind, BY_SERVER, name);
}

/** Those that are on a DatabaseServer, or want to be. */
export function databasesOfServer(name: string, cache: Cache): readonly Database[] {
  return cache.byIndex(databaseKind, BY_SERVER, name);
}

/** What is kept on a DatabaseServer. */
export function keptOnServer(name: string, cache: Cache): readonly RetainedData[] {
  return cache.byIndex(retainedDataKind, BY_SERVER, name);
}

/** Those that were put on a DatabaseServer. */
export function usersPutOn(name: string, cache: Cache): readonly DatabaseUser[] {
  return cache.byIndex(databaseUserKind, BY_SERVER, name);
}

/** The first default of an engine by name. */
export function defaultServerOf(engine: Database['spec']['engine'], cache: Cache): DatabaseServer | undefined {
  return cache.byIndex(databaseServerKind, BY_DEFAULT, engine)[0];
}
