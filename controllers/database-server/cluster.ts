import { roleBindingKind, roleKind, secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS, FINALIZERS, LABELS, MANAGED_BY, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Desired, type Pending } from '#runtime/manager/controller.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { secretRights } from '#controllers/secret-rights.ts';
import {
  databasesByServer,
  databasesOfServer,
  isAdmitted,
  isRightlyOn,
  keptByServer,
  keptOnServer,
  usersByServer,
  usersPutOn,
} from '#controllers/server-use.ts';
import { defined } from '#controllers/whereabouts.ts';
import type { ServerLook } from './looks-driver.ts';
import { serverStatus, type DatabaseServerInputs } from './status.ts';

export type DatabaseServerDrivers<W> = {
  /** Role and RoleBinding for its administrator. */
  readonly objects: DriverOf<Children, W>;
  /** Whether a server elsewhere can be used. */
  readonly looks: DriverOf<ServerLook, W>;
};

/** A server that is looked at is looked at again so often. */
const lookMs = 300_000;

/** A DatabaseServer in the API: who may use it, whether it can be used, and what is on it. It goes when nothing is on it any more. */
export function createDatabaseServerClusterController<W extends ClusterWorld>({ databaseLooks, now }: ClusterParts<W>) {
  return defineController<typeof databaseServerKind, W, DatabaseServerDrivers<W>, DatabaseServerInputs>({
    name: 'database-server.cluster',
    kind: databaseServerKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    drivers: {
      objects: createObjectsDriver({
        name: 'database-server-rights',
        fieldManager: 'wcp360-database-server-rights',
        kinds: [roleKind, roleBindingKind],
      }),
      looks: databaseLooks,
    },
    indexes: [databasesByServer, keptByServer, usersByServer],
    watches: [
      { kind: databaseKind, keysOf: (database) => namesOf((database as Database).status?.server) },
      { kind: databaseUserKind, keysOf: (user) => namesOf((user as DatabaseUser).status?.server) },
      { kind: retainedDataKind, keysOf: (kept) => namesOf((kept as RetainedData).spec.database?.server) },
      { kind: secretKind, keysOf: namedBy },
    ],
    gather: (server, cache) => gatherServer(server, cache, now()),
    desired: (server, { look, hosts }) => ({ looks: look, objects: childrenOf(desiredRights(server, hosts)) }),
    afterDeletion,
    status: serverStatus,
    due: ({ spec }, atMs) => (spec.external === undefined ? undefined : (Math.floor(atMs / lookMs) + 1) * lookMs),
  });
}

function namesOf(server: string | undefined): readonly ObjectKey[] {
  return server === undefined ? [] : [{ name: server }];
}

function namedBy({ metadata: { namespace, name } }: KubeObject, cache: Cache): readonly ObjectKey[] {
  if (namespace !== SYSTEM_NAMESPACE) return [];
  return cache
    .list(databaseServerKind)
    .filter(({ spec }) => spec.external?.adminSecretRef.name === name)
    .map(({ metadata }) => ({ name: metadata.name }));
}

/** A DatabaseUser lets no host know the server that does not already: its agent alone says that it was put there. */
function gatherServer(server: DatabaseServer, cache: Cache, nowMs: number): DatabaseServerInputs {
  const { name } = server.metadata;
  const databases = databasesOfServer(name, cache).filter(
    (database) => database.status?.server === name && isRightlyOn(database, server, cache),
  );
  const users = usersPutOn(name, cache).filter(({ status }) => isAdmitted(status?.host, server));
  const kept = keptOnServer(name, cache);
  const hosts = [...[...databases, ...users].map(({ status }) => status?.host), ...kept.map(({ spec }) => spec.host)];
  const versions = databases.map(({ status }) => status?.serverVersion).filter((version) => version !== undefined);
  return {
    databases: databases.length,
    users: users.length,
    kept: kept.length,
    hosts: [...new Set(hosts.filter((host) => host !== undefined))].toSorted(),
    ...defined({ usedVersion: versions.toSorted(byNumbers)[0], look: lookOf(server, cache, nowMs) }),
  };
}

function byNumbers(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

function lookOf(
  { metadata, spec }: Pick<DatabaseServer, 'metadata' | 'spec'>,
  cache: Cache,
  nowMs: number,
): ServerLook {
  const { engine, external, versions } = spec;
  if (external === undefined) return undefined;
  const key = { namespace: SYSTEM_NAMESPACE, name: external.adminSecretRef.name };
  const request = metadata.annotations?.[ANNOTATIONS.requestedAt] ?? '';
  return {
    name: metadata.name,
    spec: { engine, external, versions },
    secretVersion: cache.get(secretKind, key)?.metadata.resourceVersion ?? '',
    look: `${String(Math.floor(nowMs / lookMs))} ${request}`.trim(),
  };
}

/** The agents of hosts that have something there know its administrator, and no others. */
function desiredRights(server: DatabaseServer, hosts: readonly string[]): readonly KubeObject[] {
  const { external } = server.spec;
  if (external === undefined) return [];
  const name = `wcp360-database-server-${server.metadata.name}`;
  const metadata = { ...server.metadata, namespace: SYSTEM_NAMESPACE };
  const rights = { name, readers: hosts, secrets: [external.adminSecretRef.name] };
  const labels = { [LABELS.managedBy]: MANAGED_BY };
  return secretRights(databaseServerKind, { metadata }, rights).map((child) => ({
    ...child,
    metadata: { ...child.metadata, labels },
  }));
}

/** Whoever takes something down there has to know the server. */
function afterDeletion<W>(
  _server: DatabaseServer,
  inputs: DatabaseServerInputs | undefined,
): Desired<DatabaseServerDrivers<W>> | Pending {
  const { databases = 0, users = 0, kept = 0 } = inputs ?? {};
  if (databases + users + kept === 0) return { looks: undefined, objects: new Map() };
  const what = `${String(databases)} Databases, ${String(users)} DatabaseUsers and ${String(kept)} RetainedData`;
  return { pending: { reason: 'InUse', message: `It goes when nothing is on it any more: ${what}.` } };
}
