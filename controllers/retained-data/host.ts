import { FINALIZERS } from '#schemas/meta/names.ts';
import { formatBytes, parseQuantity } from '#schemas/meta/quantity.ts';
import { domainDirectory } from '#schemas/meta/tenant-tree.ts';
import { databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import {
  isOtherSize,
  noDatabases,
  serverOfDriver,
  stateOn,
  type DatabaseState,
} from '#runtime/drivers/databases/model.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { defineController, type Desired, type StatusInput, type StatusPatch } from '#runtime/manager/controller.ts';
import { onServer, serverPlaceOf, type ServerPlace } from '#controllers/database-server.ts';
import { keptByObject } from '#controllers/kept-data.ts';
import type { DatabaseServerDrivers, DriverOf, HostParts } from '#controllers/parts.ts';
import { keptByServer, keptOnServer } from '#controllers/server-indexes.ts';
import { isOtherServer } from '#controllers/server-room.ts';
import { elsewhereOf, type Elsewhere } from '#controllers/server-use.ts';
import { defined } from '#controllers/whereabouts.ts';
import { keptOf, objectOfKept, type ObjectOfKept } from './object.ts';
import { RETAINED_DATA_REASONS } from './reasons.ts';

/** In the order of creation. */
export type RetainedDataDrivers<W> = DatabaseServerDrivers<W> & {
  readonly tree: DriverOf<Tree, W>;
};

/** What becomes of kept data. */
export interface RetainedDataInputs extends Elsewhere {
  readonly object: ObjectOfKept;
  /** Absent while nobody has measured it, and of what is no database on a server. */
  readonly sizeBytes?: number;
}

/** Kept data on its host: purged when its object is deleted, as the leader does when its time is over. Once the data is back in place nothing is left at its path. */
export function createRetainedDataHostController<W>(parts: HostParts<W>) {
  const { hostName, tree, databases } = parts;
  const drivers: RetainedDataDrivers<W> = { tree, ...databases };
  return defineController<typeof retainedDataKind, W, RetainedDataDrivers<W>, RetainedDataInputs>({
    name: 'retained-data.host',
    kind: retainedDataKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'loop',
    drivers,
    indexes: [keptByObject, keptByServer],
    watches: [
      { kind: domainKind, keysOf: keptOf },
      { kind: databaseKind, keysOf: keptOf },
      {
        kind: databaseServerKind,
        keysOf: ({ metadata }, cache) => keysOf(keptOnServer(metadata.name, cache)),
        isNews: isOtherServer,
      },
    ],
    concerns: (kept) => kept.spec.host === hostName,
    gather: (kept, cache) => ({
      object: objectOfKept(kept, cache),
      ...elsewhereOf(kept.spec.database?.server, cache),
      ...sizeOf(parts, kept, cache),
    }),
    desired: (kept, inputs) => ({
      tree: keptTree(kept),
      ...keptState<W>(kept, inputs),
    }),
    afterDeletion: (kept, inputs) => ({
      tree: tree.nothing,
      ...onServer<W>(placeOf(kept, inputs), noDatabases),
    }),
    status: retainedDataStatus,
  });
}

/** Only noted here, so that it can be purged: the Domain's own deletion moves the directory, and its return brings it back. */
function keptTree(kept: RetainedData): Tree {
  const { path } = kept.spec;
  return { directories: new Map(), kept: new Map(path === undefined ? [] : [[originOf(kept), path]]) };
}

/** Nobody is let in, and nothing is made: a Database hands over what it had, and takes it back. */
function keptState<W>(retained: RetainedData, inputs: RetainedDataInputs): Desired<DatabaseServerDrivers<W>> {
  const { kind, metadata, spec } = retained;
  const { databaseName, dumpPath } = spec.database ?? {};
  const itself = ownerId({ kind, namespace: '', name: metadata.name, uid: '' });
  const kept = new Map(databaseName === undefined ? [] : [[databaseName, itself]]);
  const dumped = new Set(databaseName === undefined || dumpPath === undefined ? [] : [databaseName]);
  return onServer(placeOf(retained, inputs), { ...noDatabases, kept, ...(dumped.size === 0 ? {} : { dumped }) });
}

function placeOf({ spec }: RetainedData, elsewhere: Elsewhere | undefined): ServerPlace {
  return serverPlaceOf(spec.database?.engine ?? 'PostgreSQL', elsewhere);
}

function originOf(kept: RetainedData): string {
  const { namespace, name } = kept.spec.objectRef;
  return domainDirectory(namespace, name);
}

function keysOf(kept: readonly RetainedData[]): readonly ObjectKey[] {
  return kept.map(({ metadata: { name } }) => ({ name }));
}

function retainedDataStatus(
  kept: RetainedData,
  input: StatusInput<RetainedDataInputs, RetainedDataDrivers<unknown>>,
): StatusPatch<typeof retainedDataKind> {
  const [status, reason, message] = saidOf(kept, input);
  const size = shownSizeOf(kept, input.inputs);
  return { fields: defined({ size }), conditions: [{ type: 'Ready', status, reason, message }] };
}

function sizeOf<W>(
  { databases, databaseSizeOf }: HostParts<W>,
  { spec: { database } }: RetainedData,
  cache: Cache,
): Pick<RetainedDataInputs, 'sizeBytes'> {
  if (database === undefined) return {};
  const { elsewhere = '' } = elsewhereOf(database.server, cache);
  const where = serverOfDriver(databases[database.engine].name, elsewhere);
  return defined({ sizeBytes: databaseSizeOf(where, database.databaseName) });
}

const stepBytes = 2 ** 20;

/** In whole MiB; what was told last, until somebody has measured what differs much. */
function shownSizeOf({ status }: RetainedData, inputs: RetainedDataInputs | undefined): string | number | undefined {
  const told = status?.size;
  const { sizeBytes } = inputs ?? {};
  const toldBytes = told === undefined ? undefined : parseQuantity(told);
  if (sizeBytes === undefined || (toldBytes !== undefined && !isOtherSize(toldBytes, sizeBytes))) return told;
  return formatBytes(Math.ceil(sizeBytes / stepBytes) * stepBytes);
}

type Said = readonly [status: 'True' | 'False', reason: keyof typeof RETAINED_DATA_REASONS, message: string];

function saidOf(
  kept: RetainedData,
  { inputs, observed, outcome }: StatusInput<RetainedDataInputs, RetainedDataDrivers<unknown>>,
): Said {
  if (outcome.phase === 'failed') return ['False', 'ApplyFailed', outcome.message];
  const found = foundOnServer(kept, inputs, observed);
  return saidOfLoss(kept, inputs, found) ?? saidOfWhole(kept, inputs?.object, found);
}

function saidOfWhole(kept: RetainedData, object: ObjectOfKept | undefined, found: DatabaseState | undefined): Said {
  switch (object) {
    case 'Back':
      return isMissing(kept, found)
        ? ['True', 'HandedBack', RETAINED_DATA_REASONS.HandedBack]
        : ['True', 'TakenBack', 'The object is here again; its data goes back to it.'];
    case 'Gone':
      return saidOfGone(kept, found);
    case 'Leaving':
    case 'Waiting':
    case undefined:
      return saidOfKept(kept, found);
  }
}

function saidOfLoss(
  kept: RetainedData,
  inputs: RetainedDataInputs | undefined,
  found: DatabaseState | undefined,
): Said | undefined {
  if (inputs?.isLost === true) return saidOfLost(kept);
  const isStaying = kept.metadata.deletionTimestamp === undefined;
  return isStaying && isFileLost(kept, found) ? saidOfLostFile(kept) : undefined;
}

/** A file of this host is not lost with the server that it was made of; nobody can tell whether there is a whole one. */
function saidOfLost({ spec: { database } }: RetainedData): Said {
  const { server = '', dumpPath } = database ?? {};
  const message = `DatabaseServer ${server} was declared lost, with what was kept there: delete this object.`;
  if (dumpPath === undefined) return ['False', 'ServerLost', message];
  const file = `If it was a file by then (Dumped), that is ${dumpPath} below the host’s root: it stays when this object goes.`;
  return ['False', 'ServerLost', `${message} ${file}`];
}

/** What it has on its server; `undefined` while nobody knows. */
function foundOnServer(
  { spec: { database } }: RetainedData,
  inputs: RetainedDataInputs | undefined,
  observed: Desired<RetainedDataDrivers<unknown>> | undefined,
): DatabaseState | undefined {
  if (database === undefined || observed === undefined) return undefined;
  const { elsewhere = '' } = inputs ?? {};
  const all = observed[database.engine];
  // A server that this host knows nothing of at this moment is not empty.
  if (elsewhere !== '' && all.elsewhere?.has(elsewhere) !== true) return undefined;
  const found = stateOn(all, elsewhere);
  return found.isUnknown === true ? undefined : found;
}

function isFileLost({ spec: { database } }: RetainedData, found: DatabaseState | undefined): boolean {
  return database !== undefined && found?.lostDumps?.has(database.databaseName) === true;
}

function saidOfLostFile({ spec: { host, database } }: RetainedData): Said {
  const { dumpPath = '' } = database ?? {};
  const message = `The data is in a file, and host ${host} does not have it: ${dumpPath} below its root, with ${dumpPath}.contents. Bring it there, or delete this object to give it up.`;
  return ['False', 'DumpLost', message];
}

function saidOfGone(kept: RetainedData, found: DatabaseState | undefined): Said {
  if (kept.metadata.deletionTimestamp !== undefined) return ['False', 'Purging', 'The data is being removed.'];
  return isMissing(kept, found) ? ['True', 'NothingKept', RETAINED_DATA_REASONS.NothingKept] : saidOfKept(kept, found);
}

/** Whether the server has, or had, no such database of its own. */
function isMissing({ spec: { database } }: RetainedData, found: DatabaseState | undefined): boolean {
  return database !== undefined && found?.databases.has(database.databaseName) === false;
}

function saidOfKept({ spec: { expiresAt, database } }: RetainedData, found: DatabaseState | undefined): Said {
  const until = expiresAt === undefined ? 'until this object is deleted' : `until ${expiresAt}`;
  if (database?.dumpPath === undefined) return ['True', 'Kept', `The data is kept ${until}.`];
  return saidOfFile({ ...database, dumpPath: database.dumpPath }, until, found);
}

type FileOfDatabase = Required<Pick<NonNullable<RetainedData['spec']['database']>, 'databaseName' | 'dumpPath'>>;

function saidOfFile({ databaseName, dumpPath }: FileOfDatabase, until: string, found: DatabaseState | undefined): Said {
  const { databases, jobs } = found ?? noDatabases;
  if (databases.get(databaseName)?.access === 'Dumped')
    return ['True', 'Dumped', `The data is kept ${until}, in ${dumpPath} below the host’s root.`];
  const job = jobs?.get(databaseName);
  if (job?.phase === 'Failed')
    return [
      'True',
      'DumpFailed',
      `The data is kept ${until}, on its server, since no file could be made of it: ${job.message}`,
    ];
  return ['True', 'Kept', `The data is kept ${until}; by now on its server, until a file of it is verified.`];
}
