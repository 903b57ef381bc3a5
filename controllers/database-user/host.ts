import { FINALIZERS } from '#schemas/meta/names.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import {
  noDatabases,
  type DatabaseState,
  type LoginSettings,
  type PasswordRef,
  stateOn,
} from '#runtime/drivers/databases/model.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { isEqual } from '#runtime/base/json.ts';
import { defineController, type Desired } from '#runtime/manager/controller.ts';
import { onServer, serverPlaceOf } from '#controllers/database-server.ts';
import type { DatabaseServerDrivers, HostParts, HostWorld } from '#controllers/parts.ts';
import { isOtherServer } from '#controllers/server-room.ts';
import type { Elsewhere } from '#controllers/server-use.ts';
import { defined } from '#controllers/whereabouts.ts';
import { gatherUser, type DatabaseUserHostInputs } from './host/gather.ts';
import { userStatus } from './host/status.ts';
import { passwordsSecretOf, type Password } from './passwords.ts';
import { userIndexes, usersOf, usersOfServer, usersOn } from './used-databases.ts';

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
      {
        kind: databaseServerKind,
        keysOf: (server, cache) => keysOf(usersOfServer(server, cache)),
        isNews: isOtherServer,
      },
    ],
    concerns: ({ status }) => status?.host === hostName,
    gather: (user, cache) => gatherUser(hostName, user, cache),
    driftPolicy: ({ spec }) => spec.drift,
    isImposed: (_user, { engine, elsewhere = '', isSuspended, limits }, observed) =>
      isSuspended ||
      [...stateOn(observed[engine], elsewhere).logins.values()].some(
        (login) => login !== undefined && isBeyond(login, limits),
      ),
    desired: (user, inputs) => desiredLogins(inputs, stateOf(user, hostName, inputs)),
    afterDeletion: (_user, inputs) => desiredLogins(inputs ?? {}, noDatabases),
    status: userStatus,
  });
}

function keysOf(users: readonly DatabaseUser[]): readonly ObjectKey[] {
  return users.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

/** What it had on another server before goes from there, unless that is lost. */
function desiredLogins<W>(
  { engine = 'PostgreSQL', elsewhere, isLost, former }: Partial<DatabaseUserHostInputs>,
  state: DatabaseState,
): Desired<DatabaseServerDrivers<W>> {
  const place = serverPlaceOf(engine, defined<Elsewhere>({ elsewhere, isLost }));
  const here = onServer<W>(place, state);
  if (former === undefined || former.isLost === true || isEqual(former, place)) return here;
  const before = here[former.engine];
  const left = new Map([...(before.elsewhere ?? []), [former.elsewhere, noDatabases] as const]);
  return { ...here, [former.engine]: { ...before, elsewhere: left } };
}

/** Whether a login may more than the package gives. */
function isBeyond({ connections, limits }: LoginSettings, given: DatabaseUserHostInputs['limits']): boolean {
  const { statementTimeoutMs, temporaryBytes } = given.session;
  const takesLonger =
    statementTimeoutMs !== 0 && (limits.statementTimeoutMs === 0 || limits.statementTimeoutMs > statementTimeoutMs);
  return connections > given.connections || takesLonger || limits.temporaryBytes > temporaryBytes;
}

/** Passwords of one name are of one login. */
function stateOf(
  { metadata, spec }: DatabaseUser,
  hostName: string,
  { passwords, grants, isSuspended, limits, origins }: DatabaseUserHostInputs,
): DatabaseState {
  const common = {
    grants: Object.fromEntries(grants),
    connections: Math.min(spec.connections, limits.connections),
    limits: limits.session,
    isLocked: isSuspended,
    ...(origins === undefined ? {} : { origins }),
  };
  const ref = ({ id: key }: Password): PasswordRef => ({ ...passwordsSecretOf(metadata, hostName), key });
  const logins = new Map<string, LoginSettings>();
  for (const password of passwords) {
    const first = logins.get(password.username)?.password;
    const own = first === undefined ? { password: ref(password) } : { password: first, otherPassword: ref(password) };
    logins.set(password.username, { ...own, ...common });
  }
  return { databases: new Map(), logins };
}
