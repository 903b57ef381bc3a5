import { FINALIZERS } from '#schemas/meta/names.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import {
  noDatabases,
  serverOfDriver,
  type DatabaseAccess,
  type DatabaseSettings,
  type DatabaseState,
} from '#runtime/drivers/databases/model.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, isPending, type Desired, type Pending } from '#runtime/manager/controller.ts';
import { databaseLimitsOf } from '#controllers/database-limits.ts';
import { nameOnServer } from '#controllers/database-names.ts';
import {
  databasesByHost,
  databasesOn,
  isTenantSuspended,
  onServer,
  serverOn,
  serverPlaceOf,
  type ServerOnHost,
} from '#controllers/database-server.ts';
import { keptByObject, retainedNameOf } from '#controllers/kept-data.ts';
import { isSizeTold, keeperOf, keepersOf, keptOfDatabase, keptSizeWhenFull } from '#controllers/kept-databases.ts';
import { createKeptDriver, inCharge, noKeeping, whateverIsKept, type Keeping } from '#controllers/kept-driver.ts';
import type { DatabaseServerDrivers, DriverOf, HostParts, HostWorld } from '#controllers/parts.ts';
import { endOfLifeOf } from '#controllers/server-end-of-life.ts';
import { isOtherServer } from '#controllers/server-room.ts';
import { databasesByServer, databasesOfServer } from '#controllers/server-indexes.ts';
import { elsewhereOf, objectionToAdoptionHere } from '#controllers/server-use.ts';
import { defined } from '#controllers/whereabouts.ts';
import { sizeInputsOf } from './size.ts';
import { databaseStatus, type DatabaseHostInputs } from './status.ts';

/** In the order of creation. */
export type DatabaseHostDrivers<W> = DatabaseServerDrivers<W> & {
  /** RetainedData: takes the data over before the Database goes, and goes itself once the Database has it again. */
  readonly kept: DriverOf<Keeping, W>;
};

/** A Database on the host that it is on. */
export function createDatabaseHostController<W extends HostWorld>(parts: HostParts<W>) {
  const { hostName, databases } = parts;
  const drivers: DatabaseHostDrivers<W> = { ...databases, kept: createDatabaseKept(hostName) };
  return defineController<typeof databaseKind, W, DatabaseHostDrivers<W>, DatabaseHostInputs>({
    name: 'database.host',
    kind: databaseKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers,
    indexes: [databasesByHost, databasesByServer, keptByObject],
    watches: [
      { kind: retainedDataKind, keysOf: (kept) => databaseKeyOf(kept as RetainedData) },
      { kind: tenantKind, keysOf: (tenant, cache) => keysOf(cache.list(databaseKind, tenant.metadata.name)) },
      { kind: hostKind, keysOf: (host, cache) => keysOf(databasesOn(host, cache)) },
      {
        kind: databaseServerKind,
        keysOf: ({ metadata }, cache) => keysOf(databasesOfServer(metadata.name, cache)),
        isNews: isOtherServer,
      },
    ],
    concerns: ({ status }) => status?.host === hostName,
    gather: (database, cache) => gatherDatabase(parts, database, cache),
    driftPolicy: ({ spec }) => spec.drift,
    isImposed: (_database, { isFull, isSuspended }) => isFull || isSuspended,
    desired: (database, inputs) => ({
      ...onServer<W>(serverPlaceOf(database.spec.engine, inputs), stateOf(database, inputs)),
      kept: noKeeping,
    }),
    afterDeletion: (database, inputs) => afterDeletion(hostName, database, inputs),
    status: databaseStatus,
  });
}

function keysOf(databases: readonly Database[]): readonly ObjectKey[] {
  return databases.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

function databaseKeyOf({ spec: { objectRef } }: RetainedData): readonly ObjectKey[] {
  return objectRef.kind === databaseKind.kind ? [{ namespace: objectRef.namespace, name: objectRef.name }] : [];
}

function createDatabaseKept<W extends HostWorld>(hostName: string) {
  return createKeptDriver<'database-kept', W>({
    name: 'database-kept',
    hostName,
    keptOf: (owner, cache) => {
      const database = cache.get(databaseKind, owner);
      return database === undefined ? [] : keptOfDatabase(database, database.status?.server, cache);
    },
    isNeeded: ({ spec }, owner, cache) => {
      const database = cache.get(databaseKind, owner);
      return spec.database?.sizeWhenFull !== undefined && database !== undefined && !isSizeTold(database);
    },
  });
}

/** What is being deleted goes whatever else is missing. */
function gatherDatabase<W>(parts: HostParts<W>, database: Database, cache: Cache): DatabaseHostInputs | Pending {
  const { hostName, databases, databaseSizeOf } = parts;
  const { metadata, spec, status } = database;
  const { namespace = '' } = metadata;
  const found = serverOn(hostName, { engine: spec.engine, server: status?.server }, cache);
  const objection = metadata.deletionTimestamp === undefined ? objectionTo(database, found, cache) : undefined;
  if (objection !== undefined) return objection;
  const databaseName = nameOnServer(database);
  const elsewhere = elsewhereOf(status?.server, cache);
  const where = serverOfDriver(databases[spec.engine].name, elsewhere.elsewhere ?? '');
  return {
    databaseName,
    ...elsewhere,
    ...(isPending(found) ? {} : versionOf(parts, found)),
    ...adoptionOf(database, cache),
    isSuspended: spec.suspended || isTenantSuspended(namespace, cache),
    isNoted: cache.get(retainedDataKind, { name: retainedNameOf(database, hostName) }) !== undefined,
    ...sizeInputsOf(database, {
      measuredBytes: databaseSizeOf(where, databaseName),
      givenBytes: databaseLimitsOf(namespace, cache).storageBytes,
      keptSizeWhenFull: keptSizeWhenFull(database, cache),
    }),
  };
}

/** What keeps it from being made or looked after. What has been adopted stays so, whatever is listed later. */
function objectionTo(database: Database, found: ServerOnHost | Pending, cache: Cache): Pending | undefined {
  if (isPending(found)) return found;
  return database.status?.databaseName === undefined ? objectionToAdoptionHere(database, cache) : undefined;
}

function adoptionOf(database: Database, cache: Cache): Pick<DatabaseHostInputs, 'mayAdopt'> {
  if (database.spec.adopt === undefined) return {};
  return { mayAdopt: objectionToAdoptionHere(database, cache) === undefined };
}

function versionOf<W>(
  { serverVersionOf }: HostParts<W>,
  { engine, elsewhere = '', version = serverVersionOf(engine, elsewhere) }: ServerOnHost,
): Pick<DatabaseHostInputs, 'serverVersion' | 'serverEndOfLife'> {
  if (version === undefined) return {};
  return { serverVersion: version, ...defined({ serverEndOfLife: endOfLifeOf(engine, version) }) };
}

const usual = {
  PostgreSQL: { encoding: 'UTF8', collation: 'C.UTF-8' },
  MariaDB: { encoding: 'utf8mb4', collation: 'utf8mb4_unicode_ci' },
} as const;

function settingsOf({ spec }: Database, access: DatabaseSettings['access']): DatabaseSettings {
  const { engine, collation = usual[engine].collation, extensions } = spec;
  return { encoding: usual[engine].encoding, collation, extensions: extensions.toSorted(), access };
}

function accessOf({ isSuspended, isFull, isGrowing }: DatabaseHostInputs): DatabaseAccess {
  if (isSuspended || isGrowing) return 'Closed';
  return isFull ? 'Full' : 'Open';
}

function stateOf(database: Database, inputs: DatabaseHostInputs): DatabaseState {
  const settings = settingsOf(database, accessOf(inputs));
  const claim = {
    heirTo: keepersOf(database),
    ...(inputs.mayAdopt === true ? { adopts: true as const } : {}),
  };
  return { databases: new Map([[inputs.databaseName, settings]]), logins: new Map(), ...claim };
}

/** It is closed at once, and handed over when there is an object that tells of it: from then on that alone decides about the data. Of a server that is lost there is none. */
function afterDeletion<W>(
  hostName: string,
  database: Database,
  inputs: DatabaseHostInputs | undefined,
): Desired<DatabaseHostDrivers<W>> {
  const { kind, metadata, spec } = database;
  const place = serverPlaceOf(spec.engine, inputs);
  if (place.isLost === true) return { ...onServer<W>(place, noDatabases), kept: whateverIsKept };
  const { namespace = '', name, uid = '' } = metadata;
  const itself = ownerId({ kind, namespace, name, uid });
  const heir = inputs?.isNoted === true ? keeperOf(database, hostName) : itself;
  const kept = new Map([[nameOnServer(database), heir]]);
  return { ...onServer<W>(place, { ...noDatabases, kept }), kept: inCharge };
}
