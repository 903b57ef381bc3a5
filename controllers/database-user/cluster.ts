import { secretKind } from '#schemas/meta/builtin.ts';
import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, isPending, type Desired } from '#runtime/manager/controller.ts';
import { createDepartureDriver, isServed } from '#controllers/departure-driver.ts';
import { hostHolders } from '#controllers/host-holders.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { secretsNamespaceOf } from '#controllers/host-secrets.ts';
import { keptDatabasesByTenant } from '#controllers/kept-databases.ts';
import { isOtherServer } from '#controllers/server-room.ts';
import { stayingPlace } from '#controllers/staying-place.ts';
import {
  connectionSecrets,
  connectionsOf,
  createConnectionsDriver,
  type Connections,
} from './cluster/connections-driver.ts';
import { gatherUser, type DatabaseUserClusterInputs } from './cluster/gather.ts';
import { leftUsersOf } from './cluster/last-place.ts';
import { createPasswordsDriver, passwordSecrets, type PasswordsState } from './cluster/passwords-driver.ts';
import { clusterStatus, dueAt } from './cluster/status.ts';
import { passwordsOwnerOf } from './passwords.ts';
import { userIndexes, usersOf, usersOfServer, usersOn } from './used-databases.ts';

/** What a DatabaseUser is made of in the API, in the order of creation. */
export type DatabaseUserClusterDrivers<W> = {
  /** The Secret with its passwords, for the agent. */
  readonly passwords: DriverOf<PasswordsState, W>;
  /** The Secret with the connection, for those who use it. */
  readonly connections: DriverOf<Connections, W>;
  /** Whether the host is done with a deleted DatabaseUser. */
  readonly departure: DriverOf<boolean, W>;
};

/** A DatabaseUser in the API: its Secrets and its place. */
export function createDatabaseUserClusterController<W extends ClusterWorld>({ now }: ClusterParts<W>) {
  return defineController<typeof databaseUserKind, W, DatabaseUserClusterDrivers<W>, DatabaseUserClusterInputs>({
    name: 'database-user.cluster',
    kind: databaseUserKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    holdsFor: (user, cache) => {
      const inputs = gatherUser(user, cache, now());
      // A host comes with its Databases: one write for both.
      if (isPending(inputs)) return hostHolders(user, { ...user.status, isComing: true });
      const place = stayingPlace(user, inputs);
      return hostHolders(user, { ...place, isComing: place.host !== undefined });
    },
    drivers: {
      passwords: createPasswordsDriver(now),
      connections: createConnectionsDriver(),
      departure: createDepartureDriver(databaseUserKind),
    },
    indexes: [
      connectionSecrets,
      passwordSecrets,
      { kind: databaseUserKind, index: { name: BY_SECRET, valuesOf: secretsOf } },
      ...userIndexes,
      keptDatabasesByTenant,
    ],
    watches: [
      { kind: databaseKind, keysOf: (database, cache) => keysOf(usersOf(database, cache)) },
      { kind: secretKind, keysOf: (secret, cache) => [...ownerOf(secret), ...keysOf(namedBy(secret, cache))] },
      { kind: hostKind, keysOf: (host, cache) => keysOf(usersOn(host, cache)) },
      {
        kind: databaseServerKind,
        keysOf: (server, cache) => keysOf(usersOfServer(server, cache)),
        isNews: isOtherServer,
      },
      { kind: tenantKind, keysOf: ({ metadata }, cache) => keysOf(leftUsersOf(metadata.name, cache)) },
      {
        kind: retainedDataKind,
        keysOf: (kept, cache) => keysOf(leftUsersOf((kept as RetainedData).spec.tenantRef.name, cache)),
      },
    ],
    gather: (user, cache) => gatherUser(user, cache, now()),
    desired,
    afterDeletion,
    status: clusterStatus,
    due: dueAt,
  });
}

const BY_SECRET = 'secret';

function idOf({ metadata: { namespace = '', name } }: KubeObject): string {
  return `${namespace}/${name}`;
}

function namedBy(secret: KubeObject, cache: Cache): readonly DatabaseUser[] {
  return cache.byIndex(databaseUserKind, BY_SECRET, idOf(secret));
}

/** Whose passwords a Secret has. */
function ownerOf(secret: KubeObject): readonly ObjectKey[] {
  const [, namespace = '', name] = passwordsOwnerOf(secret)?.split('/') ?? [];
  return name === undefined ? [] : [{ namespace, name }];
}

/** The one for its users, and the one that a person made for it. */
function secretsOf(object: KubeObject): readonly string[] {
  const { metadata, spec } = object as DatabaseUser;
  const names = [spec.secretName, spec.passwordSecretRef?.name];
  return names.filter((name) => name !== undefined).map((name) => `${metadata.namespace ?? ''}/${name}`);
}

function keysOf(users: readonly DatabaseUser[]): readonly ObjectKey[] {
  return users.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

function desired<W>(user: DatabaseUser, inputs: DatabaseUserClusterInputs): Desired<DatabaseUserClusterDrivers<W>> {
  const { work, connection } = inputs;
  return {
    passwords: { ...passwordsAt(inputs), ...(work === undefined ? {} : { work }) },
    connections: connectionsOf(user.spec.secretName, connection),
    departure: false,
  };
}

function passwordsAt({ host }: DatabaseUserClusterInputs): PasswordsState {
  return { at: host === undefined ? [] : [secretsNamespaceOf(host)] };
}

/** The Secrets go once nobody logs in by them any more. */
function afterDeletion<W>(
  user: DatabaseUser,
  inputs: DatabaseUserClusterInputs | undefined,
): Desired<DatabaseUserClusterDrivers<W>> {
  const isOver = !isServed(user) || inputs === undefined;
  return {
    passwords: isOver ? { at: [] } : passwordsAt(inputs),
    connections: isOver ? new Map() : connectionsOf(user.spec.secretName, inputs.connection),
    departure: true,
  };
}
