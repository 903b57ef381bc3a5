import { parseDurationMs } from '#schemas/meta/duration.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { databaseNameOf } from './database-names.ts';
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

/** What is kept of a Database on a server, of all its lives: its own data, and no other engine's. */
export function keptOfDatabase({ metadata: { namespace = '', name }, spec }: Database, cache: Cache) {
  return keptForObject({ kind: databaseKind.kind, namespace, name }, cache).filter(
    (kept) => kept.spec.database?.engine === spec.engine,
  );
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
export function retainedDatabaseOf(database: Database, host: string): KubeObject {
  const { namespace = '', name, deletionTimestamp } = database.metadata;
  const { engine, deletionPolicy, retainFor } = database.spec;
  const usualMs = deletionPolicy === 'Delete' ? deletedForMs : undefined;
  const expiresAt = endOf(deletionTimestamp, retainFor === undefined ? usualMs : parseDurationMs(retainFor));
  return retainedObject(database, host, {
    database: { engine, databaseName: databaseNameOf(namespace, name) },
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
}

/** Where the data of a Database of this name is kept; what is being purged is lost. */
export function keptPlaceOf(database: Database, cache: Cache): RetainedData | undefined {
  return keptOfDatabase(database, cache).find(({ metadata }) => metadata.deletionTimestamp === undefined);
}
