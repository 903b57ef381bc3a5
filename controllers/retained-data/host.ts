import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { domainDirectory } from '#schemas/meta/tenant-tree.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { noDatabases, stateOn, type DatabaseState } from '#runtime/drivers/databases/model.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { defineController, type Desired, type StatusInput, type StatusPatch } from '#runtime/manager/controller.ts';
import { onServer, type ServerPlace } from '#controllers/database-server.ts';
import { keptByObject, keptForObject } from '#controllers/kept-data.ts';
import type { DatabaseServerDrivers, DriverOf, Fate, HostParts } from '#controllers/parts.ts';
import { nameOnServer } from '#controllers/database-names.ts';
import { elsewhereOf, isSameServer, type Elsewhere } from '#controllers/server-use.ts';
import { RETAINED_DATA_REASONS } from './reasons.ts';

/** In the order of creation. */
export type RetainedDataDrivers<W> = DatabaseServerDrivers<W> & {
  readonly tree: DriverOf<Tree, W>;
  /** Deletes the object itself when its time is over. */
  readonly disposal: DriverOf<Fate, W>;
};

/** What becomes of kept data. */
export interface RetainedDataInputs extends Elsewhere {
  /** The object that the data was of: gone, or on another host; still leaving this one; or here again. */
  readonly object: 'Gone' | 'Leaving' | 'Back';
  readonly isExpired: boolean;
}

/** Kept data on its host: purged when its object is deleted or its time is over. Once the data is back in place nothing is left at its path. */
export function createRetainedDataHostController<W>({ hostName, tree, databases, disposal, now }: HostParts<W>) {
  const drivers: RetainedDataDrivers<W> = { tree, ...databases, disposal: disposal(retainedDataKind) };
  return defineController<typeof retainedDataKind, W, RetainedDataDrivers<W>, RetainedDataInputs>({
    name: 'retained-data.host',
    kind: retainedDataKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'loop',
    drivers,
    indexes: [keptByObject],
    watches: [
      { kind: domainKind, keysOf: keptOf },
      { kind: databaseKind, keysOf: keptOf },
    ],
    concerns: (kept) => kept.spec.host === hostName,
    gather: (kept, cache) => ({
      object: objectOf(kept, cache),
      isExpired: expiryMsOf(kept) <= now(),
      ...elsewhereOf(kept.spec.database?.server, cache),
    }),
    desired: (kept, inputs) => ({
      tree: keptTree(kept),
      ...keptOnServer<W>(kept, inputs),
      disposal: { fate: inputs.isExpired && inputs.object === 'Gone' ? 'Go' : 'Stay', resourceVersion: '' },
    }),
    afterDeletion: (kept, inputs) => ({
      tree: tree.nothing,
      ...onServer<W>(placeOf(kept, inputs), noDatabases),
      disposal: drivers.disposal.nothing,
    }),
    status: retainedDataStatus,
    // What is over may wait for its object to go, which tells of itself.
    due: (kept, atMs) => (kept.spec.expiresAt === undefined || expiryMsOf(kept) <= atMs ? undefined : expiryMsOf(kept)),
  });
}

/** Only noted here, so that it can be purged: the Domain's own deletion moves the directory, and its return brings it back. */
function keptTree(kept: RetainedData): Tree {
  const { path } = kept.spec;
  return { directories: new Map(), kept: new Map(path === undefined ? [] : [[originOf(kept), path]]) };
}

/** Nobody is let in, and nothing is made: a Database hands over what it had, and takes it back. */
function keptOnServer<W>(retained: RetainedData, inputs: RetainedDataInputs): Desired<DatabaseServerDrivers<W>> {
  const { kind, metadata, spec } = retained;
  const { databaseName, dumpPath } = spec.database ?? {};
  const itself = ownerId({ kind, namespace: '', name: metadata.name, uid: '' });
  const kept = new Map(databaseName === undefined ? [] : [[databaseName, itself]]);
  const dumped = new Set(databaseName === undefined || dumpPath === undefined ? [] : [databaseName]);
  return onServer(placeOf(retained, inputs), { ...noDatabases, kept, ...(dumped.size === 0 ? {} : { dumped }) });
}

function placeOf({ spec }: RetainedData, { elsewhere }: Elsewhere = {}): ServerPlace {
  const { engine = 'PostgreSQL' } = spec.database ?? {};
  return elsewhere === undefined ? { engine } : { engine, elsewhere };
}

function originOf(kept: RetainedData): string {
  const { namespace, name } = kept.spec.objectRef;
  return domainDirectory(namespace, name);
}

function objectOf(kept: RetainedData, cache: Cache): RetainedDataInputs['object'] {
  const found = foundFor(kept, cache);
  if (found === undefined) return 'Gone';
  const isComing = [found.status?.host, found.status?.nextHost].includes(kept.spec.host);
  return isComing && found.metadata.deletionTimestamp === undefined ? 'Back' : 'Leaving';
}

/** A database on another server has nothing to do with it. */
function foundFor({ spec: { objectRef, database } }: RetainedData, cache: Cache) {
  if (objectRef.kind === domainKind.kind) return cache.get(domainKind, objectRef);
  if (objectRef.kind !== databaseKind.kind) return undefined;
  const found = cache.get(databaseKind, objectRef);
  if (found === undefined || database === undefined) return undefined;
  const isSame = found.spec.engine === database.engine && nameOnServer(found) === database.databaseName;
  return isSame && isSameServer(found.status?.server, database.server, cache) ? found : undefined;
}

function expiryMsOf(kept: RetainedData): number {
  return kept.spec.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(kept.spec.expiresAt);
}

function keptOf({ kind, metadata }: KubeObject, cache: Cache): readonly ObjectKey[] {
  const { namespace = '', name } = metadata;
  return keptForObject({ kind, namespace, name }, cache).map((kept) => ({ name: kept.metadata.name }));
}

function retainedDataStatus(
  kept: RetainedData,
  input: StatusInput<RetainedDataInputs, RetainedDataDrivers<unknown>>,
): StatusPatch<typeof retainedDataKind> {
  const [status, reason, message] = saidOf(kept, input);
  return { fields: {}, conditions: [{ type: 'Ready', status, reason, message }] };
}

type Said = readonly [status: 'True' | 'False', reason: keyof typeof RETAINED_DATA_REASONS, message: string];

function saidOf(
  kept: RetainedData,
  { inputs, observed, outcome }: StatusInput<RetainedDataInputs, RetainedDataDrivers<unknown>>,
): Said {
  if (outcome.phase === 'failed') return ['False', 'ApplyFailed', outcome.message];
  const found = foundOnServer(kept, inputs, observed);
  switch (inputs?.object) {
    case 'Back':
      return isMissing(kept, found)
        ? ['True', 'HandedBack', RETAINED_DATA_REASONS.HandedBack]
        : ['True', 'TakenBack', 'The object is here again; its data goes back to it.'];
    case 'Gone':
      return saidOfGone(kept, found);
    case 'Leaving':
    case undefined:
      return saidOfKept(kept, found);
  }
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
