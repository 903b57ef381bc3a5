import { findCondition } from '#schemas/meta/conditions.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { dumpPathOf, nameOnServer } from './database-names.ts';
import { isSameServer, type Elsewhere } from './server-use.ts';
import { defined } from './whereabouts.ts';
import { endOf, keptForObject, retainedNameOf, retainedObject, retainedPrefixOf } from './kept-data.ts';

const BY_KEEPING_HOST = 'keepingHost';

/** Databases by the host that is to keep their data: the one that a deleted one is on. */
export const databasesByKeepingHost = {
  kind: databaseKind,
  index: { name: BY_KEEPING_HOST, valuesOf: (database: KubeObject) => keepingHostsOf(database as Database) },
};

export function keepingHostsOf({ metadata, status }: Database): readonly string[] {
  return metadata.deletionTimestamp === undefined || status?.host === undefined ? [] : [status.host];
}

/** Databases of which a host is to keep the data. */
export function leavingDatabasesOn(host: string, cache: Cache): readonly Database[] {
  return cache.byIndex(databaseKind, BY_KEEPING_HOST, host);
}

/** What is kept of a Database on a server, of all its lives: its own data, and none of another server, or of one that it took over. */
export function keptOfDatabase(own: Database, server: string | undefined, cache: Cache): readonly RetainedData[] {
  const { metadata, spec } = own;
  const { namespace = '', name } = metadata;
  const databaseName = nameOnServer(own);
  return keptForObject({ kind: databaseKind.kind, namespace, name }, cache).filter(
    ({ spec: { database } }) =>
      database?.engine === spec.engine &&
      database.databaseName === databaseName &&
      isSameServer(database.server, server, cache),
  );
}

const BY_TENANT = 'databasesOf';

/** What is kept of Databases, by tenant. */
export const keptDatabasesByTenant = {
  kind: retainedDataKind,
  index: {
    name: BY_TENANT,
    valuesOf: (kept: KubeObject) => {
      const { database, tenantRef } = (kept as RetainedData).spec;
      return database === undefined ? [] : [tenantRef.name];
    },
  },
};

export function keptOfTenant(tenant: string, cache: Cache): readonly RetainedData[] {
  return cache.byIndex(retainedDataKind, BY_TENANT, tenant);
}

/** How many that are, without a look at each. */
export function countKeptOf(tenant: string, cache: Cache): number {
  return cache.counts(retainedDataKind, BY_TENANT, tenant).get('') ?? 0;
}

/** Who has a kept database on the server, as `ownerId` writes it. */
export function keeperOf(database: Database, host: string): string {
  return `${retainedDataKind.kind}/${retainedNameOf(database, host)}`;
}

/** How all those begin who may have one for a Database, of any of its lives. */
export function keepersOf(database: Database): string {
  return `${retainedDataKind.kind}/${retainedPrefixOf(database)}`;
}

/** Time to notice that it was a mistake. */
const deletedForMs = 24 * 3_600_000;

/** The object that stands for what a deleted Database leaves on a host. */
export function retainedDatabaseOf(
  database: Database,
  host: string,
  { elsewhere, isExternal }: Elsewhere & { readonly isExternal?: true },
): KubeObject {
  const { deletionTimestamp } = database.metadata;
  const { engine, deletionPolicy, retainFor } = database.spec;
  const { server, sizeWhenFull } = database.status ?? {};
  const databaseName = nameOnServer(database);
  const place = { engine, ...defined({ elsewhere }) };
  const usualMs = deletionPolicy === 'Delete' ? deletedForMs : undefined;
  const expiresAt = endOf(deletionTimestamp, retainFor === undefined ? usualMs : parseDurationMs(retainFor));
  return retainedObject(database, host, {
    database: {
      engine,
      databaseName,
      external: isExternal === true,
      ...defined({ server, sizeWhenFull }),
      ...(deletionPolicy === 'Snapshot' ? { dumpPath: dumpPathOf(place, databaseName) } : {}),
    },
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
}

/** What a Database that has its data again held when it was found to be full; `undefined` where it was not, or tells itself by now. */
export function keptSizeWhenFull(database: Database, cache: Cache): string | number | undefined {
  if (isSizeTold(database)) return undefined;
  const sizes = keptOfDatabase(database, database.status?.server, cache).map(({ spec }) => spec.database?.sizeWhenFull);
  return sizes.find((size) => size !== undefined);
}

/** Whether a Database says how full it is: until then, what is kept of it does. */
export function isSizeTold({ status = {} }: Database): boolean {
  const { size, sizeWhenFull, limits, conditions } = status;
  if (sizeWhenFull !== undefined || findCondition(conditions, 'Full')?.status === 'False') return true;
  return size !== undefined && limits?.storage === undefined;
}

/** Where the data of a Database of this name is kept; what is being purged is lost. */
export function keptPlaceOf(database: Database, server: string | undefined, cache: Cache): RetainedData | undefined {
  return keptOfDatabase(database, server, cache).find(({ metadata }) => metadata.deletionTimestamp === undefined);
}
