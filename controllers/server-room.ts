import { isEqual } from '#runtime/base/json.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import type { DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import { databasesCounted, defaultServerOf } from './server-indexes.ts';

// Who may come to a DatabaseServer that has a limit. Nothing here looks at each of its Databases.

const BY_WAITING = 'waiting';

/** Databases that have not come to a host so far, the oldest first: by the server that they are to come to, and by tenant. */
export const waitingDatabases = {
  kind: databaseKind,
  index: {
    name: BY_WAITING,
    valuesOf: (object: KubeObject) => {
      const database = object as Database;
      return isNowhere(database) ? [lineOf(database), tenantLine(object.metadata.namespace ?? '')] : [];
    },
    orderOf: ({ metadata }: KubeObject) => metadata.creationTimestamp ?? '',
  },
};

/** Whether it has not come to a host so far. */
export function isNowhere({ status }: Database): boolean {
  return status?.host === undefined;
}

function lineOf({ spec: { engine, serverRef } }: Pick<Database, 'spec'>): string {
  return serverRef === undefined ? `default/${engine}` : `server/${serverRef.name}`;
}

function tenantLine(namespace: string): string {
  return `tenant/${namespace}`;
}

/** Those who wait for a server by its name and, where it is the default, by that. */
function linesOf({ metadata: { name }, spec: { engine } }: DatabaseServer, cache: Cache): readonly string[] {
  const isDefault = defaultServerOf(engine, cache)?.metadata.name === name;
  return [`server/${name}`, ...(isDefault ? [`default/${engine}`] : [])];
}

function waitingIn(line: string, cache: Cache): readonly Database[] {
  return cache.byIndex(databaseKind, BY_WAITING, line);
}

/** Those that may be concerned by what becomes of a server: another default may follow it, or be followed by it. */
export function waitingFor({ metadata: { name }, spec }: DatabaseServer, cache: Cache): readonly Database[] {
  const lines = [`server/${name}`, ...(spec.isDefault ? [`default/${spec.engine}`] : [])];
  return lines.flatMap((line) => waitingIn(line, cache));
}

/** Those of a tenant. */
export function waitingOf(tenant: string, cache: Cache): readonly Database[] {
  return waitingIn(tenantLine(tenant), cache);
}

/** Whoever is there stays; of others the older ones come first, whichever the cache has heard of. */
export function isFullFor(server: DatabaseServer, database: Database, cache: Cache): boolean {
  const room = roomOn(server, cache);
  if (room === undefined) return false;
  const own = database.status?.server === server.metadata.name ? 1 : 0;
  const before = linesOf(server, cache).map((value) =>
    cache.countBefore(databaseKind, { index: BY_WAITING, value }, database),
  );
  return before.reduce((sum, each) => sum + each, 0) >= room + own;
}

/** Those that may come to a server now, of those that are to. */
export function nextOn(server: DatabaseServer, cache: Cache): readonly Database[] {
  const room = Math.max(0, roomOn(server, cache) ?? 0);
  return room === 0 ? [] : linesOf(server, cache).flatMap((line) => waitingIn(line, cache).slice(0, room));
}

/** How many more may be on it; `undefined`: it has no limit. */
function roomOn({ metadata: { name }, spec }: DatabaseServer, cache: Cache): number | undefined {
  const most = spec.limits.databases;
  if (most === undefined) return undefined;
  const there = databasesCounted(name, cache).filter(({ like }) => like.status.server === name);
  return most - there.reduce((sum, { count }) => sum + count, 0);
}

/** Whether one has left a server, or those who wait for one: there may be room for others. */
export function hasLeft(changed: KubeObject, previous: KubeObject | undefined, type: string): boolean {
  if (previous === undefined || type === 'deleted') return type === 'deleted';
  const [after, before] = [changed as Database, previous as Database];
  const isElsewhere = before.status?.server !== undefined && before.status.server !== after.status?.server;
  return isElsewhere || lineOf(before) !== lineOf(after);
}

/** Whether a server is another one for those on it: how many there are is nothing to them. */
export function isOtherServer(changed: KubeObject, previous: KubeObject | undefined, type: string): boolean {
  return type !== 'modified' || previous === undefined || !isEqual(toldOf(changed), toldOf(previous));
}

function toldOf(object: KubeObject): unknown {
  const { metadata, spec, status } = object as DatabaseServer;
  return { spec, deletionTimestamp: metadata.deletionTimestamp, status: { ...status, databases: undefined } };
}
