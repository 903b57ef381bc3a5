import { FINALIZERS } from '#schemas/meta/names.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Holders, type StatusPatch } from '#runtime/manager/controller.ts';
import { heirOf, isStranded, keptOnServerElsewhere } from '#controllers/handover.ts';
import { keptDatabasesByTenant, keptOfTenant } from '#controllers/kept-databases.ts';
import { keptByObject } from '#controllers/kept-data.ts';
import type { ClusterParts, ClusterWorld, DriverOf, Fate } from '#controllers/parts.ts';
import { keptByServer, keptOnServer, serversByDefault } from '#controllers/server-indexes.ts';
import { isOtherServer } from '#controllers/server-room.ts';
import { defined } from '#controllers/whereabouts.ts';
import { createHandoverDriver, type Keeper } from './handover-driver.ts';
import { keptOf, objectOfKept } from './object.ts';

export type RetainedDataClusterDrivers<W> = {
  /** Which host looks after it. */
  readonly handover: DriverOf<Keeper, W>;
  /** Deletes the object itself when its time is over. */
  readonly disposal: DriverOf<Fate, W>;
};

/** What the leader knows of kept data; plain data. */
export interface RetainedDataClusterInputs {
  readonly isHostLost: boolean;
  /** It is on a server elsewhere, and waits for a host that looks after it. */
  readonly isStranded: boolean;
  /** The host that takes over. */
  readonly heir?: string;
  /** Its time is over, and nobody is there who has, or may yet have, the data again. */
  readonly isOver: boolean;
}

/**
 * Kept data, as the leader sees it, who knows of objects that wait for a host, too: it is deleted when its time is over. Of a host that is lost, what is on a
 * server elsewhere is given to another host, and what was on it is given up.
 */
export function createRetainedDataClusterController<W extends ClusterWorld>({ disposal, now }: ClusterParts<W>) {
  return defineController<typeof retainedDataKind, W, RetainedDataClusterDrivers<W>, RetainedDataClusterInputs>({
    name: 'retained-data.cluster',
    kind: retainedDataKind,
    drivers: { handover: createHandoverDriver(), disposal: disposal(retainedDataKind) },
    indexes: [BY_HOST_INDEX, keptByObject, keptByServer, keptDatabasesByTenant, serversByDefault],
    watches: [
      { kind: domainKind, keysOf: keptOf },
      { kind: databaseKind, keysOf: keptOf },
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
    holdsFor: (kept, cache) => holdersOf(gatherKept(kept, cache, now())),
    gather: (kept, cache) => gatherKept(kept, cache, now()),
    desired: (_kept, { heir, isOver }) => ({ handover: defined<Keeper>({ host: heir }), disposal: fateOf(isOver) }),
    afterDeletion: (_kept, inputs) => ({ handover: defined<Keeper>({ host: inputs?.heir }), disposal: fateOf(false) }),
    status: (kept, { inputs }) => clusterStatus(kept, inputs),
    // What is over may wait for its object to go, which tells of itself.
    due: (kept, atMs) => (kept.spec.expiresAt === undefined || expiryMsOf(kept) <= atMs ? undefined : expiryMsOf(kept)),
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

function fateOf(isOver: boolean): Fate {
  return { fate: isOver ? 'Go' : 'Stay', resourceVersion: '' };
}

function expiryMsOf({ spec: { expiresAt } }: RetainedData): number {
  return expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt);
}

function gatherKept(kept: RetainedData, cache: Cache, nowMs: number): RetainedDataClusterInputs {
  const thing = keptOnServerElsewhere(kept);
  return {
    isHostLost: cache.get(hostKind, { name: kept.spec.host })?.spec.lost === true,
    isStranded: isStranded(thing, cache),
    ...defined({ heir: heirOf(thing, cache) }),
    isOver: expiryMsOf(kept) <= nowMs && objectOfKept(kept, cache) === 'Gone',
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
