import { FINALIZERS } from '#schemas/meta/names.ts';
import { findCondition } from '#schemas/meta/conditions.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { DatabaseState } from '#runtime/drivers/databases/model.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import {
  defineController,
  isPending,
  type Pending,
  type StatusInput,
  type StatusPatch,
} from '#runtime/manager/controller.ts';
import { usernameOf } from '#controllers/database-names.ts';
import { isTenantSuspended, onEngine, saidOfServer, serverOn } from '#controllers/database-server.ts';
import type { DatabaseServerDrivers, HostParts, HostWorld } from '#controllers/parts.ts';
import { usedDatabases, usersByDatabase, usersOf, type UsedDatabases } from './used-databases.ts';

/** Everything about the world that a DatabaseUser on this host depends on. */
export interface DatabaseUserHostInputs extends UsedDatabases {
  readonly username: string;
  /** The resourceVersion of the Secret with its password. */
  readonly secretVersion: string;
  readonly isSuspended: boolean;
  /** A Database of those that cannot be used at the moment, which says why. */
  readonly unready?: string;
}

/** A DatabaseUser on the host that its Databases are on. */
export function createDatabaseUserHostController<W extends HostWorld>({ hostName, databases }: HostParts<W>) {
  return defineController<typeof databaseUserKind, W, DatabaseServerDrivers<W>, DatabaseUserHostInputs>({
    name: 'database-user.host',
    kind: databaseUserKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers: databases,
    indexes: [usersByDatabase],
    watches: [
      { kind: tenantKind, keysOf: (tenant, cache) => keysOf(cache.list(databaseUserKind, tenant.metadata.name)) },
      { kind: databaseKind, keysOf: (database, cache) => keysOf(usersOf(database, cache)) },
      { kind: hostKind, keysOf: (_host, cache) => keysOf(cache.list(databaseUserKind)) },
    ],
    concerns: ({ status }) => status?.host === hostName,
    gather: (user, cache) => gatherUser(hostName, user, cache),
    desired: (user, inputs) => onEngine(inputs.engine, stateOf(user, inputs)),
    status: userStatus,
  });
}

function keysOf(users: readonly DatabaseUser[]): readonly ObjectKey[] {
  return users.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

function gatherUser(hostName: string, user: DatabaseUser, cache: Cache): DatabaseUserHostInputs | Pending {
  const { namespace = '', name } = user.metadata;
  const used = usedDatabases(user, cache);
  if (isPending(used)) return used;
  const server = serverOn(hostName, used.engine, cache);
  if (isPending(server)) return server;
  const secretVersion = secretVersionOf(user);
  if (isPending(secretVersion)) return secretVersion;
  const readiness = readinessOf(user, cache);
  if (isPending(readiness)) return readiness;
  return {
    ...used,
    ...readiness,
    username: usernameOf(namespace, name),
    secretVersion,
    isSuspended: user.spec.suspended || isTenantSuspended(namespace, cache),
  };
}

function secretVersionOf({ spec, status }: DatabaseUser): string | Pending {
  const { secretVersion = '' } = status ?? {};
  if (secretVersion !== '') return secretVersion;
  const message = `Secret ${spec.secretName} is not there, or was made for something else.`;
  return { pending: { reason: 'SecretNotFound', message } };
}

/** Whether all of its Databases are there on the server, and can be used. */
function readinessOf(
  { metadata: { namespace }, spec }: DatabaseUser,
  cache: Cache,
): Pick<DatabaseUserHostInputs, 'unready'> | Pending {
  const databases = spec.databases.map(({ name }) => cache.get(databaseKind, { namespace, name }));
  const missing = databases.find((database) => database?.status?.databaseName === undefined);
  if (missing !== undefined) {
    const message = `Database ${missing.metadata.name} is not there on the server yet; it says why.`;
    return { pending: { reason: 'DatabaseNotReady', message } };
  }
  const unready = databases.find((database) => findCondition(database?.status?.conditions, 'Ready')?.status !== 'True');
  return unready === undefined ? {} : { unready: unready.metadata.name };
}

function stateOf({ metadata, spec }: DatabaseUser, inputs: DatabaseUserHostInputs): DatabaseState {
  const { username, grants, secretVersion, isSuspended } = inputs;
  const login = {
    password: { namespace: metadata.namespace ?? '', name: spec.secretName, resourceVersion: secretVersion },
    grants: Object.fromEntries(grants),
    connections: spec.connections,
    isLocked: isSuspended,
  };
  return { databases: new Map(), logins: new Map([[username, login]]) };
}

function userStatus(
  user: DatabaseUser,
  { inputs, outcome }: StatusInput<DatabaseUserHostInputs, DatabaseServerDrivers<unknown>>,
): StatusPatch<typeof databaseUserKind> {
  const { username } = inputs ?? user.status ?? {};
  const said = saidOfServer(user, outcome, {
    isSuspended: inputs?.isSuspended === true,
    available: 'It can log in.',
  });
  const ready = said.status === 'True' && inputs?.unready !== undefined ? notReady(inputs.unready) : said;
  return {
    fields: {
      ...(username === undefined ? {} : { username }),
      ...(outcome.phase === 'failed' ? { attempts: outcome.attempts, nextTryAt: outcome.nextTryAt } : {}),
    },
    conditions: [ready],
  };
}

function notReady(database: string): ReturnType<typeof saidOfServer> {
  const message = `It can log in, but Database ${database} cannot be used; that says why.`;
  return { type: 'Ready', status: 'False', reason: 'DatabaseNotReady', message };
}
