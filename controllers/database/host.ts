import { FINALIZERS } from '#schemas/meta/names.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { DatabaseSettings, DatabaseState } from '#runtime/drivers/databases/model.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import {
  defineController,
  type Desired,
  type Pending,
  type StatusInput,
  type StatusPatch,
} from '#runtime/manager/controller.ts';
import { databaseNameOf } from '#controllers/database-names.ts';
import { isTenantSuspended, onEngine, saidOfServer, serverOn } from '#controllers/database-server.ts';
import type { DatabaseServerDrivers, HostParts, HostWorld } from '#controllers/parts.ts';

/** Everything about the world that a Database on this host depends on. */
export interface DatabaseHostInputs {
  /** What it is called on the server. */
  readonly databaseName: string;
  readonly serverVersion: string;
  readonly isSuspended: boolean;
}

/** A Database on the host that it is on. */
export function createDatabaseHostController<W extends HostWorld>({ hostName, databases }: HostParts<W>) {
  return defineController<typeof databaseKind, W, DatabaseServerDrivers<W>, DatabaseHostInputs>({
    name: 'database.host',
    kind: databaseKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers: databases,
    watches: [
      { kind: tenantKind, keysOf: (tenant, cache) => keysOf(cache.list(databaseKind, tenant.metadata.name)) },
      { kind: hostKind, keysOf: (_host, cache) => keysOf(cache.list(databaseKind)) },
    ],
    concerns: ({ status }) => status?.host === hostName,
    gather: (database, cache) => gatherDatabase(hostName, database, cache),
    desired: (database, inputs) => onEngine(database.spec.engine, stateOf(database, inputs)),
    afterDeletion: (database) => afterDeletion(database),
    status: databaseStatus,
  });
}

function keysOf(databases: readonly Database[]): readonly ObjectKey[] {
  return databases.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

function gatherDatabase(
  hostName: string,
  { metadata: { namespace = '', name }, spec }: Database,
  cache: Cache,
): DatabaseHostInputs | Pending {
  const server = serverOn(hostName, spec.engine, cache);
  if ('pending' in server) return server;
  return {
    databaseName: databaseNameOf(namespace, name),
    serverVersion: server.version,
    isSuspended: spec.suspended || isTenantSuspended(namespace, cache),
  };
}

const usual = {
  PostgreSQL: { encoding: 'UTF8', collation: 'C.UTF-8' },
  MariaDB: { encoding: 'utf8mb4', collation: 'utf8mb4_unicode_ci' },
} as const;

function settingsOf({ spec }: Database, access: DatabaseSettings['access']): DatabaseSettings {
  const { engine, collation = usual[engine].collation, extensions } = spec;
  return { encoding: usual[engine].encoding, collation, extensions: extensions.toSorted(), access };
}

function stateOf(database: Database, { databaseName, isSuspended }: DatabaseHostInputs): DatabaseState {
  const settings = settingsOf(database, isSuspended ? 'Closed' : 'Open');
  return { databases: new Map([[databaseName, settings]]), logins: new Map() };
}

/** What is kept is closed; a Database of the same name finds it again. */
function afterDeletion<W>(database: Database): Desired<DatabaseServerDrivers<W>> {
  const { namespace = '', name } = database.metadata;
  const { engine, deletionPolicy } = database.spec;
  const kept = new Map([[databaseNameOf(namespace, name), settingsOf(database, 'Closed')]]);
  return onEngine(engine, { databases: deletionPolicy === 'Delete' ? new Map() : kept, logins: new Map() });
}

function databaseStatus(
  database: Database,
  { inputs, outcome }: StatusInput<DatabaseHostInputs, DatabaseServerDrivers<unknown>>,
): StatusPatch<typeof databaseKind> {
  const { serverVersion } = inputs ?? database.status ?? {};
  // Told once it is there: who uses it goes by that.
  const databaseName = outcome.phase === 'synced' ? inputs?.databaseName : database.status?.databaseName;
  const ready = saidOfServer(database, outcome, {
    isSuspended: inputs?.isSuspended === true,
    available: 'The database can be used.',
  });
  return {
    fields: {
      ...(databaseName === undefined ? {} : { databaseName }),
      ...(serverVersion === undefined ? {} : { serverVersion }),
      ...(outcome.phase === 'failed' ? { attempts: outcome.attempts, nextTryAt: outcome.nextTryAt } : {}),
    },
    conditions: [ready],
  };
}
