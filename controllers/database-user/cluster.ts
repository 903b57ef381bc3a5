import { roleBindingKind, roleKind, secretKind } from '#schemas/meta/builtin.ts';
import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import {
  defineController,
  isPending,
  type Desired,
  type Pending,
  type StatusInput,
  type StatusPatch,
} from '#runtime/manager/controller.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import { usernameOf } from '#controllers/database-names.ts';
import { serverOn } from '#controllers/database-server.ts';
import { createDepartureDriver, isServed } from '#controllers/departure-driver.ts';
import { hostHolders, toldPlace } from '#controllers/host-holders.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { secretRights } from '#controllers/secret-rights.ts';
import { stayingPlace, type StayingInputs } from '#controllers/staying-place.ts';
import { whereaboutsOf } from '#controllers/whereabouts.ts';
import type { Connection } from './cluster/connection.ts';
import {
  connectionOf,
  connectionSecrets,
  createConnectionsDriver,
  type Connections,
} from './cluster/connections-driver.ts';
import { usedDatabases, usersByDatabase, usersOf } from './used-databases.ts';

/** What a DatabaseUser is made of in the API, in the order of creation. */
export type DatabaseUserClusterDrivers<W> = {
  /** The Secret with the connection. */
  readonly connections: DriverOf<Connections, W>;
  /** Role and RoleBinding for that Secret. */
  readonly objects: DriverOf<Children, W>;
  /** Whether the host is done with a deleted DatabaseUser. */
  readonly departure: DriverOf<boolean, W>;
};

/** What the leader knows about a DatabaseUser; plain data. */
export interface DatabaseUserClusterInputs extends StayingInputs {
  readonly connection: Connection;
  /** The resourceVersion of the Secret; empty while it is not there. */
  readonly secretVersion: string;
}

/** A DatabaseUser in the API: its Secret, its place, and the agent's right to read the Secret. */
export function createDatabaseUserClusterController<W extends ClusterWorld>(_parts: ClusterParts<W>) {
  return defineController<typeof databaseUserKind, W, DatabaseUserClusterDrivers<W>, DatabaseUserClusterInputs>({
    name: 'database-user.cluster',
    kind: databaseUserKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    holdsFor: (user, cache) => {
      const inputs = gatherUser(user, cache);
      if (isPending(inputs)) return hostHolders(user, { ...user.status, isComing: false });
      const place = stayingPlace(user, inputs);
      return hostHolders(user, { ...place, isComing: place.host !== undefined });
    },
    drivers: {
      connections: createConnectionsDriver(),
      objects: createObjectsDriver({
        name: 'database-user-rights',
        fieldManager: 'wcp360-database-user-rights',
        kinds: [roleKind, roleBindingKind],
      }),
      departure: createDepartureDriver(databaseUserKind),
    },
    indexes: [
      connectionSecrets,
      { kind: databaseUserKind, index: { name: BY_SECRET, valuesOf: secretOf } },
      usersByDatabase,
    ],
    watches: [
      { kind: databaseKind, keysOf: (database, cache) => keysOf(usersOf(database, cache)) },
      { kind: secretKind, keysOf: (secret, cache) => keysOf(cache.byIndex(databaseUserKind, BY_SECRET, idOf(secret))) },
      { kind: hostKind, keysOf: (_host, cache) => keysOf(cache.list(databaseUserKind)) },
    ],
    gather: gatherUser,
    desired: (user, inputs) => ({
      connections: new Map([[user.spec.secretName, connectionOf(inputs.connection)]]),
      objects: childrenOf(desiredRights(user, inputs)),
      departure: false,
    }),
    afterDeletion,
    status: clusterStatus,
  });
}

const BY_SECRET = 'connectionSecret';

function idOf({ metadata: { namespace = '', name } }: KubeObject): string {
  return `${namespace}/${name}`;
}

function secretOf(user: KubeObject): readonly string[] {
  return [`${user.metadata.namespace ?? ''}/${(user as DatabaseUser).spec.secretName}`];
}

function keysOf(users: readonly DatabaseUser[]): readonly ObjectKey[] {
  return users.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

function gatherUser(user: DatabaseUser, cache: Cache): DatabaseUserClusterInputs | Pending {
  const { namespace = '', name } = user.metadata;
  const used = usedDatabases(user, cache);
  if (isPending(used)) return used;
  const { host, engine, grants } = used;
  const server = serverOn(host, engine, cache);
  if (isPending(server)) return server;
  const secret = cache.get(secretKind, { namespace, name: user.spec.secretName });
  return {
    host,
    lostHosts: cache.get(hostKind, { name: host })?.spec.lost === true ? [host] : [],
    connection: {
      engine,
      socketDirectory: server.socketDirectory,
      database: grants[0]?.[0] ?? '',
      username: usernameOf(namespace, name),
    },
    secretVersion: secret?.metadata.resourceVersion ?? '',
  };
}

function desiredRights(user: DatabaseUser, { host }: DatabaseUserClusterInputs): readonly KubeObject[] {
  return secretRights(databaseUserKind, user, {
    name: `wcp360-database-user-${user.metadata.name}`,
    readers: host === undefined ? [] : [host],
    secrets: [user.spec.secretName],
  });
}

/** The Secret and the rights to it go once nobody logs in by it any more. */
function afterDeletion<W>(
  user: DatabaseUser,
  inputs: DatabaseUserClusterInputs | undefined,
): Desired<DatabaseUserClusterDrivers<W>> {
  const isOver = !isServed(user) || inputs === undefined;
  return {
    connections: isOver ? new Map() : new Map([[user.spec.secretName, connectionOf(inputs.connection)]]),
    objects: isOver ? new Map() : childrenOf(desiredRights(user, inputs)),
    departure: true,
  };
}

function clusterStatus(
  user: DatabaseUser,
  { inputs, outcome }: StatusInput<DatabaseUserClusterInputs, DatabaseUserClusterDrivers<unknown>>,
): StatusPatch<typeof databaseUserKind> {
  const place = inputs === undefined ? whereaboutsOf(user.status) : toldPlace(user, stayingPlace(user, inputs));
  const { secretVersion } = inputs ?? user.status ?? {};
  const fields = { ...place, ...(secretVersion === undefined ? {} : { secretVersion }) };
  // The agent of the host says all else, but for what the leader could not do.
  if (place.host !== undefined && !('reason' in outcome)) return { fields, conditions: [] };
  const { reason, message } =
    'reason' in outcome ? outcome : { reason: 'DatabaseNotReady', message: 'Its Databases have no host yet.' };
  if (place.host !== undefined) return { fields: { ...fields, secretVersion: '' }, conditions: [] };
  return { fields, conditions: [{ type: 'Ready', status: 'False', reason, message }] };
}
