import { FINALIZERS } from '#schemas/meta/names.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { DatabaseState, LoginSettings, PasswordRef } from '#runtime/drivers/databases/model.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { defineController } from '#runtime/manager/controller.ts';
import { onEngine } from '#controllers/database-server.ts';
import type { DatabaseServerDrivers, HostParts, HostWorld } from '#controllers/parts.ts';
import { gatherUser, type DatabaseUserHostInputs } from './host/gather.ts';
import { userStatus } from './host/status.ts';
import { passwordsSecretOf, type Password } from './passwords.ts';
import { userIndexes, usersOf, usersOn } from './used-databases.ts';

/** A DatabaseUser on the host that its Databases are on. */
export function createDatabaseUserHostController<W extends HostWorld>({ hostName, databases }: HostParts<W>) {
  return defineController<typeof databaseUserKind, W, DatabaseServerDrivers<W>, DatabaseUserHostInputs>({
    name: 'database-user.host',
    kind: databaseUserKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers: databases,
    indexes: userIndexes,
    watches: [
      { kind: tenantKind, keysOf: (tenant, cache) => keysOf(cache.list(databaseUserKind, tenant.metadata.name)) },
      { kind: databaseKind, keysOf: (database, cache) => keysOf(usersOf(database, cache)) },
      { kind: hostKind, keysOf: (host, cache) => keysOf(usersOn(host, cache)) },
    ],
    concerns: ({ status }) => status?.host === hostName,
    gather: (user, cache) => gatherUser(hostName, user, cache),
    driftPolicy: ({ spec }) => spec.drift,
    isImposed: (_user, { isSuspended }) => isSuspended,
    desired: (user, inputs) => onEngine(inputs.engine, stateOf(user, inputs)),
    status: userStatus,
  });
}

function keysOf(users: readonly DatabaseUser[]): readonly ObjectKey[] {
  return users.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

/** Passwords of one name are of one login. */
function stateOf(
  { metadata: { namespace = '', name: user }, spec }: DatabaseUser,
  { passwords, grants, isSuspended, limits }: DatabaseUserHostInputs,
): DatabaseState {
  const common = {
    grants: Object.fromEntries(grants),
    connections: Math.min(spec.connections, limits.connections),
    limits: limits.session,
    isLocked: isSuspended,
  };
  const ref = ({ id: key }: Password): PasswordRef => ({ namespace, name: passwordsSecretOf(user), key });
  const logins = new Map<string, LoginSettings>();
  for (const password of passwords) {
    const first = logins.get(password.username)?.password;
    const own = first === undefined ? { password: ref(password) } : { password: first, otherPassword: ref(password) };
    logins.set(password.username, { ...own, ...common });
  }
  return { databases: new Map(), logins };
}
