import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import {
  defineController,
  isPending,
  type Pending,
  type StatusInput,
  type StatusPatch,
} from '#runtime/manager/controller.ts';
import { createDepartureDriver } from '#controllers/departure-driver.ts';
import { hostHolders, toldPlace } from '#controllers/host-holders.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { stayingPlace, type StayingInputs } from '#controllers/staying-place.ts';
import { hostsOf, whereaboutsOf } from '#controllers/whereabouts.ts';

export type DatabaseClusterDrivers<W> = {
  /** Whether the host is done with a deleted Database. */
  readonly departure: DriverOf<boolean, W>;
};

/** Gives a Database to the host that its tenant is on. There it stays: its data does not follow by itself. */
export function createDatabaseClusterController<W extends ClusterWorld>(_parts: ClusterParts<W>) {
  return defineController<typeof databaseKind, W, DatabaseClusterDrivers<W>, StayingInputs>({
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
    drivers: { departure: createDepartureDriver(databaseKind) },
    watches: [
      { kind: tenantKind, keysOf: (tenant, cache) => keysOf(cache.list(databaseKind, tenant.metadata.name)) },
      { kind: hostKind, keysOf: (_host, cache) => keysOf(cache.list(databaseKind).filter(isLeaving)) },
    ],
    gather: gatherPlace,
    desired: () => ({ departure: false }),
    afterDeletion: () => ({ departure: true }),
    status: clusterStatus,
  });
}

function keysOf(databases: readonly Database[]): readonly ObjectKey[] {
  return databases.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

function isLeaving({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** Reads where the tenant is. */
function gatherPlace({ metadata: { namespace = '' }, status }: Database, cache: Cache): StayingInputs | Pending {
  const tenant = cache.get(tenantKind, { name: namespace });
  if (tenant === undefined) {
    const message = `There is no Tenant ${namespace}; make one, or move the Database.`;
    return { pending: { reason: 'NamespaceWithoutTenant', message } };
  }
  const { host } = tenant.status ?? {};
  const lostHosts = hostsOf(status).filter((name) => cache.get(hostKind, { name })?.spec.lost === true);
  return { ...(host === undefined ? {} : { host }), lostHosts };
}

function clusterStatus(
  database: Database,
  { inputs, outcome }: StatusInput<StayingInputs, DatabaseClusterDrivers<unknown>>,
): StatusPatch<typeof databaseKind> {
  const place =
    inputs === undefined ? whereaboutsOf(database.status) : toldPlace(database, stayingPlace(database, inputs));
  // The agent of the host says all else.
  if (place.host !== undefined) return { fields: place, conditions: [] };
  const cause = 'reason' in outcome ? outcome : { reason: 'TenantNotReady', message: 'The tenant has no host yet.' };
  return {
    fields: place,
    conditions: [{ type: 'Ready', status: 'False', reason: cause.reason, message: cause.message }],
  };
}
