import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import {
  defineController,
  isPending,
  type Desired,
  type Pending,
  type StatusInput,
  type StatusPatch,
  type Watch,
} from '#runtime/manager/controller.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import { clusterRoleKind } from '#schemas/meta/builtin.ts';
import { databasesByHost, databasesOn } from '#controllers/database-server.ts';
import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import { createDepartureDriver, isServed } from '#controllers/departure-driver.ts';
import { onServerElsewhere, heirOf, isElsewhereStill, isExternal, isHostGone } from '#controllers/handover.ts';
import { hostHolders, toldPlace } from '#controllers/host-holders.ts';
import { hostOfRole, isGranted } from '#controllers/host-rights.ts';
import { keptByObject, retainedNameOf } from '#controllers/kept-data.ts';
import {
  databasesByKeepingHost,
  keepingHostsOf,
  keptDatabasesByTenant,
  keptPlaceOf,
  leavingDatabasesOn,
  retainedDatabaseOf,
} from '#controllers/kept-databases.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import {
  hasLeft,
  isNowhere,
  isOtherServer,
  nextOn,
  waitingDatabases,
  waitingFor,
  waitingOf,
} from '#controllers/server-room.ts';
import {
  databasesByServer,
  databasesCounted,
  databasesOfServer,
  serversByDefault,
} from '#controllers/server-indexes.ts';
import { elsewhereOf, serverOf, wantedServer, type Elsewhere } from '#controllers/server-use.ts';
import { stayingPlace, type StayingInputs } from '#controllers/staying-place.ts';
import { defined, hostsOf, whereaboutsOf } from '#controllers/whereabouts.ts';
import { retainedLimitOf } from './retained-limit.ts';

export type DatabaseClusterDrivers<W> = {
  /** RetainedData: what tells of the data that a deleted Database leaves. It stays when the Database goes. */
  readonly kept: DriverOf<Children, W>;
  /** Whether the host is done with a deleted Database. */
  readonly departure: DriverOf<boolean, W>;
};

/** What the leader knows about a Database; plain data. */
export interface DatabaseClusterInputs extends StayingInputs, Elsewhere {
  /** The DatabaseServer that it is on, or comes to; absent: the one that its host keeps for itself. */
  readonly server?: string;
  /** That is none of a host's: another host may look after what is kept there. */
  readonly isExternal?: true;
  /** Hosts that are to keep its data, once their agents may look after what tells of it. */
  readonly keepers: readonly string[];
}

const watches: readonly Watch[] = [
  { kind: tenantKind, keysOf: (tenant, cache) => keysOf(cache.list(databaseKind, tenant.metadata.name)) },
  { kind: hostKind, keysOf: (host, cache) => keysOf(concernedBy(host, cache)) },
  {
    kind: clusterRoleKind,
    keysOf: ({ metadata }, cache) => keysOf(leavingDatabasesOn(hostOfRole(metadata.name) ?? '', cache)),
  },
  {
    kind: databaseServerKind,
    keysOf: (server, cache) => keysOf([...waitingFor(server as DatabaseServer, cache), ...strandedOn(server, cache)]),
    isNews: isOtherServer,
  },
  { kind: databaseKind, keysOf: (left, cache) => keysOf(nextAfter(left as Database, cache)), isNews: hasLeft },
  {
    kind: retainedDataKind,
    keysOf: (kept, cache) => [
      ...databaseKeyOf(kept as RetainedData),
      ...keysOf(waitingDatabasesOf(kept as RetainedData, cache)),
    ],
  },
];

/** Gives a Database to the host that its tenant is on. There it stays: its data does not follow by itself. */
export function createDatabaseClusterController<W extends ClusterWorld>(_parts: ClusterParts<W>) {
  return defineController<typeof databaseKind, W, DatabaseClusterDrivers<W>, DatabaseClusterInputs>({
    name: 'database.cluster',
    kind: databaseKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    holdsFor: (database, cache) => {
      const inputs = gatherPlace(database, cache);
      if (isPending(inputs)) return hostHolders(database, { ...database.status, isComing: false });
      const place = stayingPlace(database, inputs);
      return hostHolders(database, { ...place, isComing: place.host !== undefined });
    },
    drivers: {
      kept: createObjectsDriver({
        name: 'database-kept',
        fieldManager: 'wcp360-database-kept',
        kinds: [retainedDataKind],
        // It goes when the host has handed the data back, or purged it.
        leavesUnwanted: true,
      }),
      departure: createDepartureDriver(databaseKind),
    },
    indexes: [
      databasesByHost,
      databasesByKeepingHost,
      databasesByServer,
      keptByObject,
      keptDatabasesByTenant,
      serversByDefault,
      waitingDatabases,
    ],
    watches,
    gather: gatherPlace,
    desired: () => ({ kept: new Map(), departure: false }),
    afterDeletion,
    status: clusterStatus,
  });
}

function keysOf(databases: readonly Database[]): readonly ObjectKey[] {
  return databases.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

function databaseKeyOf({ spec: { objectRef } }: RetainedData): readonly ObjectKey[] {
  return objectRef.kind === databaseKind.kind ? [{ namespace: objectRef.namespace, name: objectRef.name }] : [];
}

/** Those that may wait for less to be kept. */
function waitingDatabasesOf({ spec }: RetainedData, cache: Cache): readonly Database[] {
  return spec.database === undefined ? [] : waitingOf(spec.tenantRef.name, cache);
}

/** Those that may come to the server of one that is there no more. */
function nextAfter(left: Database, cache: Cache): readonly Database[] {
  const name = left.status?.server;
  const server = name === undefined ? wantedServer(left, cache) : cache.get(databaseServerKind, { name });
  return server === undefined || isPending(server) ? [] : nextOn(server, cache);
}

/** Those that leave a host, or are to be given to another one. */
function concernedBy(host: KubeObject, cache: Cache): readonly Database[] {
  const databases = databasesOn(host, cache);
  return isHostGone(host.metadata.name, cache) ? databases : databases.filter(isLeaving);
}

/** Those that are to be given to another host. */
function strandedOn({ metadata: { name } }: KubeObject, cache: Cache): readonly Database[] {
  const isGone = (host: string | undefined): boolean => host !== undefined && isHostGone(host, cache);
  if (!isElsewhereStill(name, cache) || !databasesCounted(name, cache).some(({ like }) => isGone(like.status.host)))
    return [];
  return databasesOfServer(name, cache).filter(({ status }) => status?.server === name && isGone(status.host));
}

function isLeaving({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** Reads where the tenant is, and where data of the Database is. */
function gatherPlace(database: Database, cache: Cache): DatabaseClusterInputs | Pending {
  const { metadata, status } = database;
  const { namespace = '' } = metadata;
  const tenant = cache.get(tenantKind, { name: namespace });
  if (tenant === undefined) {
    const message = `There is no Tenant ${namespace}; make one, or move the Database.`;
    return { pending: { reason: 'NamespaceWithoutTenant', message } };
  }
  const { host } = tenant.status ?? {};
  const server = serverOf(database, cache);
  if (isPending(server)) return server;
  const isMovable = isElsewhereStill(status?.server, cache);
  const lostHosts = hostsOf(status).filter((name) => !isMovable && cache.get(hostKind, { name })?.spec.lost === true);
  const heir = heirOf(onServerElsewhere(database), cache);
  const objection = isNowhere(database) ? objectionTo(database, { host, server }, cache) : undefined;
  if (objection !== undefined) return objection;
  const elsewhere = elsewhereOf(server, cache);
  // Of what is lost nothing is kept.
  const keepers = (elsewhere.isLost === true ? [] : keepingHostsOf(database))
    .filter((name) => !isHostGone(name, cache))
    .filter((name) => isGranted(name, { retaineddata: retainedNameOf(database, name) }, cache));
  const external = isExternal(server, cache) ? { isExternal: true as const } : {};
  return { ...defined({ host, server, heir }), ...elsewhere, ...external, lostHosts, keepers };
}

/** Why it does not come to a place yet. */
function objectionTo(
  database: Database,
  place: { readonly host: string | undefined; readonly server: string | undefined },
  cache: Cache,
): Pending | undefined {
  const elsewhere = keptElsewhere(database, place, cache);
  return elsewhere ?? (isLeaving(database) ? undefined : retainedLimitOf(database, place.server, cache));
}

/** An empty one beside what it had would be taken for a loss. */
function keptElsewhere(
  database: Database,
  { host, server }: { readonly host: string | undefined; readonly server: string | undefined },
  cache: Cache,
): Pending | undefined {
  const kept = keptPlaceOf(database, server, cache);
  if (kept === undefined || host === undefined || kept.spec.host === host) return undefined;
  if (cache.get(hostKind, { name: kept.spec.host })?.spec.lost === true) return undefined;
  const message = `Its data is kept on host ${kept.spec.host}, and the tenant is on ${host}: move the tenant there, or delete RetainedData ${kept.metadata.name} to begin without it.`;
  return { pending: { reason: 'KeptElsewhere', message } };
}

/** What it leaves is told of before its host lets go of it. */
function afterDeletion<W>(
  database: Database,
  inputs: DatabaseClusterInputs | undefined,
): Desired<DatabaseClusterDrivers<W>> | Pending {
  if (!isServed(database)) return { kept: new Map(), departure: false };
  if (inputs === undefined || inputs.lostHosts.length > 0)
    return { pending: { reason: 'Deleting', message: 'The host takes the Database down first.' } };
  return {
    kept: childrenOf(inputs.keepers.map((host) => retainedDatabaseOf(database, host, inputs))),
    departure: true,
  };
}

function clusterStatus(
  database: Database,
  { inputs, outcome }: StatusInput<DatabaseClusterInputs, DatabaseClusterDrivers<unknown>>,
): StatusPatch<typeof databaseKind> {
  const place =
    inputs === undefined ? whereaboutsOf(database.status) : toldPlace(database, stayingPlace(database, inputs));
  // The agent of the host says all else.
  const server = inputs === undefined ? database.status?.server : inputs.server;
  if (place.host !== undefined) return { fields: { ...place, ...defined({ server }) }, conditions: [] };
  const cause = 'reason' in outcome ? outcome : { reason: 'TenantNotReady', message: 'The tenant has no host yet.' };
  return {
    fields: place,
    conditions: [{ type: 'Ready', status: 'False', reason: cause.reason, message: cause.message }],
  };
}
