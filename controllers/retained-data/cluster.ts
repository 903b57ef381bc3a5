import { FINALIZERS } from '#schemas/meta/names.ts';
import { databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Holders, type StatusPatch } from '#runtime/manager/controller.ts';
import { heirOf, isStranded, keptOnServerElsewhere } from '#controllers/handover.ts';
import { keptDatabasesByTenant, keptOfTenant } from '#controllers/kept-databases.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { keptByServer, keptOnServer } from '#controllers/server-indexes.ts';
import { isOtherServer } from '#controllers/server-room.ts';
import { defined } from '#controllers/whereabouts.ts';
import { createHandoverDriver, type Keeper } from './handover-driver.ts';

export type RetainedDataClusterDrivers<W> = {
  /** Which host looks after it. */
  readonly handover: DriverOf<Keeper, W>;
};

/** What the leader knows of kept data; plain data. */
export interface RetainedDataClusterInputs {
  readonly isHostLost: boolean;
  /** It is on a server elsewhere, and waits for a host that looks after it. */
  readonly isStranded: boolean;
  /** The host that takes over. */
  readonly heir?: string;
}

/** Kept data of a host that is lost: what is on a server elsewhere is given to another host, and what was on it is given up. */
export function createRetainedDataClusterController<W extends ClusterWorld>(_parts: ClusterParts<W>) {
  return defineController<typeof retainedDataKind, W, RetainedDataClusterDrivers<W>, RetainedDataClusterInputs>({
    name: 'retained-data.cluster',
    kind: retainedDataKind,
    drivers: { handover: createHandoverDriver() },
    indexes: [BY_HOST_INDEX, keptByServer, keptDatabasesByTenant],
    watches: [
      { kind: hostKind, keysOf: ({ metadata }, cache) => keysOf(keptOnHost(metadata.name, cache)) },
      {
        kind: tenantKind,
        keysOf: ({ metadata }, cache) => keysOf(strandedAmong(keptOfTenant(metadata.name, cache), cache)),
      },
      {
        kind: databaseServerKind,
        keysOf: ({ metadata }, cache) => keysOf(keptOnServer(metadata.name, cache)),
        isNews: isOtherServer,
      },
    ],
    holdsFor: (kept, cache) => holdersOf(gatherKept(kept, cache)),
    gather: gatherKept,
    desired: (_kept, { heir }) => ({ handover: defined<Keeper>({ host: heir }) }),
    afterDeletion: (_kept, inputs) => ({ handover: defined<Keeper>({ host: inputs?.heir }) }),
    status: (kept, { inputs }) => clusterStatus(kept, inputs),
  });
}

const BY_HOST = 'keptOnHost';

const BY_HOST_INDEX = {
  kind: retainedDataKind,
  index: { name: BY_HOST, valuesOf: (kept: object) => [(kept as RetainedData).spec.host] },
};

function keptOnHost(host: string, cache: Cache): readonly RetainedData[] {
  return cache.byIndex(retainedDataKind, BY_HOST, host);
}

function strandedAmong(all: readonly RetainedData[], cache: Cache): readonly RetainedData[] {
  return all.filter((kept) => isStranded(keptOnServerElsewhere(kept), cache));
}

function keysOf(all: readonly RetainedData[]): readonly ObjectKey[] {
  return all.map(({ metadata: { name } }) => ({ name }));
}

function gatherKept(kept: RetainedData, cache: Cache): RetainedDataClusterInputs {
  const thing = keptOnServerElsewhere(kept);
  return {
    isHostLost: cache.get(hostKind, { name: kept.spec.host })?.spec.lost === true,
    isStranded: isStranded(thing, cache),
    ...defined({ heir: heirOf(thing, cache) }),
  };
}

/** Nobody waits for a host that is lost. */
function holdersOf(inputs: RetainedDataClusterInputs): Holders {
  return { add: [], drop: isGivenUp(inputs) ? [FINALIZERS.host] : [] };
}

function isGivenUp({ isHostLost, isStranded: isElsewhere }: RetainedDataClusterInputs): boolean {
  return isHostLost && !isElsewhere;
}

/** All else is told by its host. */
function clusterStatus(
  { spec: { host } }: RetainedData,
  inputs: RetainedDataClusterInputs | undefined,
): StatusPatch<typeof retainedDataKind> {
  if (inputs?.isHostLost !== true || inputs.heir !== undefined) return { fields: {}, conditions: [] };
  const [reason, message] = inputs.isStranded
    ? [
        'HostAwaited',
        `Host ${host} was declared lost. The data is on its server, and waits for a host: the tenant’s, or another one that uses the server.`,
      ]
    : ['HostLost', `Host ${host} was declared lost, with what was kept there: delete this object.`];
  return { fields: {}, conditions: [{ type: 'Ready', status: 'False', reason, message }] };
}
