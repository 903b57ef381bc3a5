import { findCondition } from '#schemas/meta/conditions.ts';
import { sliceOf } from '#schemas/meta/names.ts';
import { tenantDirectory } from '#schemas/meta/tenant-tree.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import type { DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { usernameOf } from '#controllers/database-names.ts';
import { serverOn, type ServerOnHost } from '#controllers/database-server.ts';
import { currentOf, passwordsSecretOf } from '#controllers/database-user/passwords.ts';
import { grantOf, usersOf } from '#controllers/database-user/used-databases.ts';
import { RefusedError, required } from '#runtime/base/errors.ts';
import { dumpIntake } from '#runtime/drivers/databases/dump-intake.ts';
import type { DatabaseLogin, DatabaseProgram, DatabaseWork, ServerWay } from '#runtime/drivers/databases/programs.ts';
import { serverOfDriver } from '#runtime/drivers/databases/model.ts';
import type { Patrol } from '#runtime/drivers/databases/patrol.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { readPassword } from '#runtime/drivers/databases/read-password.ts';
import { hasHiddenTriggers, mariadbDriver, mariadbDumps, mariadbProgram } from '#runtime/drivers/mariadb/index.ts';
import {
  postgresqlDriver,
  postgresqlDumps,
  postgresqlProgram,
  programsFor,
} from '#runtime/drivers/postgresql/index.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import { relayWay } from './database-relays.ts';
import type { DatabaseSeat, SeatLogin } from '#runtime/streams/agent/stream-call.ts';

interface Known {
  readonly hostName: string;
  readonly root: string;
  readonly patrol: Patrol;
  readonly cache: Cache;
  /** A server that this agent speaks to, by the driver of its engine. HostError for one that it knows nothing of yet. */
  readonly serverHostOf: (driver: string, server: string) => ServerHost;
  readonly secrets: SecretReader;
  readonly signal: AbortSignal;
}

/**
 * Where programs work with a Database of this host, and as whom: never as more than one of the tenant's own logins, and in the tenant's sandbox. A Database that
 * is elsewhere, on its way or going is none.
 */
export function databaseSeats(known: Known) {
  const { hostName, root, cache } = known;
  return (namespace: string, name: string, userName: string | undefined): DatabaseSeat | undefined => {
    const database = cache.get(databaseKind, { namespace, name });
    const { uid } = cache.get(tenantKind, { name: namespace })?.status ?? {};
    if (database === undefined || uid === undefined || !isServedBy(hostName, database)) return undefined;
    const user = userOf(database, userName, cache);
    const { engine } = database.spec;
    const server = serverOn(hostName, { engine, server: database.status?.server }, cache);
    const tree = `${root}/${tenantDirectory(namespace)}`;
    const way = async (): Promise<ServerWay> => await wayTo(server, uid, known);
    let over: (() => void) | undefined;
    return {
      ...{ tenant: namespace, uid, tree, workingDirectory: tree, isReadOnly: true, slice: sliceOf(uid) },
      ...(isPending(server) ? {} : { sockets: [shownOf(server, root, uid)] }),
      way,
      refusal: isPending(server) ? server.pending.message : refusalOf(database, user, userName),
      intake: () => dumpIntake(engine === 'PostgreSQL' ? postgresqlDumps() : mariadbDumps()),
      program: async (work) => {
        if (isPending(server)) throw pendingError(server);
        const asked = { database, server, user: required(user, 'a DatabaseUser'), way: await way(), work };
        const { program, login } = await programOf(known, asked);
        if (work === 'dump') over = known.patrol.dumping(placeOf(server), login.username);
        return program;
      },
      leave: () => over?.(),
      engine,
      ...(user === undefined ? {} : { as: seatLogin(user, database, known) }),
    };
  };
}

const drivers = { PostgreSQL: postgresqlDriver.name, MariaDB: mariadbDriver.name } as const;

/** Which server of which driver. */
function placeOf({ engine, elsewhere = '' }: ServerOnHost): string {
  return serverOfDriver(drivers[engine], elsewhere);
}

function seatLogin(user: DatabaseUser, database: Database, known: Known): SeatLogin {
  return {
    user: user.metadata.name,
    identity: `${database.metadata.uid ?? ''}/${user.metadata.uid ?? ''}`,
    passwordId: currentOf({ passwords: user.status?.passwords ?? [] })?.id ?? '',
    read: async () => await loginOf(user, database, known),
  };
}

/** What the sandbox shows of the machine: where the socket is, also one that is opened later. */
function shownOf({ address, engine, elsewhere = '' }: ServerOnHost, root: string, uid: number): string {
  if ('socketDirectory' in address) return address.socketDirectory;
  return relayWay(root, { name: elsewhere, engine }, uid).socketDirectory;
}

/** How programs of the tenant come to the server. RefusedError when nobody knows which that is. */
async function wayTo(
  server: ServerOnHost | Pending,
  uid: number,
  { serverHostOf, signal }: Pick<Known, 'serverHostOf' | 'signal'>,
): Promise<ServerWay> {
  if (isPending(server)) throw pendingError(server);
  const { address, engine, elsewhere = '' } = server;
  if ('socketDirectory' in address) return address;
  return await serverHostOf(drivers[engine], elsewhere).way(uid, signal);
}

function pendingError({ pending: { reason, message } }: Pending): RefusedError {
  return new RefusedError(reason, message);
}

function isServedBy(hostName: string, { status, metadata }: Database): boolean {
  return status?.host === hostName && status.databaseName !== undefined && metadata.deletionTimestamp === undefined;
}

/** The one that is named, or else the first that owns the Database and can log in. */
function userOf(database: Database, named: string | undefined, cache: Cache): DatabaseUser | undefined {
  const { metadata } = database;
  const users = usersOf(database, cache);
  if (named !== undefined) return users.find((user) => user.metadata.name === named);
  const owners = users.filter(({ spec }) =>
    spec.databases.some((use) => use.name === metadata.name && grantOf(use) === 'Owner'),
  );
  const inOrder = owners.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return inOrder.find(canLogIn) ?? inOrder[0];
}

/** Also where its Database is full, or something else is not as declared: the server takes its password, and lets it in. */
function canLogIn({ status }: DatabaseUser): boolean {
  const { passwords = [], acceptedPasswords = [], conditions } = status ?? {};
  const { id } = currentOf({ passwords }) ?? {};
  return (
    id !== undefined && acceptedPasswords.includes(id) && findCondition(conditions, 'Ready')?.reason !== 'Suspended'
  );
}

function refusalOf(
  { metadata: { name } }: Database,
  user: DatabaseUser | undefined,
  named: string | undefined,
): string | undefined {
  if (user === undefined)
    return named === undefined
      ? `No DatabaseUser owns Database ${name}: make one with access Owner, or name another one.`
      : `There is no DatabaseUser ${named} that may use Database ${name}.`;
  return canLogIn(user) ? undefined : `DatabaseUser ${user.metadata.name} cannot log in at this moment; it says why.`;
}

interface Seated {
  readonly database: Database;
  readonly server: ServerOnHost;
  readonly user: DatabaseUser;
  readonly way: ServerWay;
  readonly work: DatabaseWork;
}

async function programOf(
  { hostName, serverHostOf, secrets, signal }: Known,
  { database, server, user, way, work }: Seated,
): Promise<{ readonly program: DatabaseProgram; readonly login: DatabaseLogin }> {
  const login = await loginOf(user, database, { hostName, secrets, signal });
  if (server.engine === 'MariaDB') {
    const there = serverHostOf(drivers.MariaDB, server.elsewhere ?? '');
    if (work === 'dump' && (await hasHiddenTriggers(login, there, signal)))
      throw new RefusedError('DumpIncomplete', hiddenWords(user, database));
    return { program: mariadbProgram(way, login, work), login };
  }
  const there = serverHostOf(drivers.PostgreSQL, server.elsewhere ?? '');
  const programs = await programsFor(there, signal, database.status?.serverVersion);
  return { program: postgresqlProgram({ way, programs }, login, work), login };
}

function hiddenWords(user: DatabaseUser, { metadata: { name } }: Database): string {
  return `Database ${name} has triggers that DatabaseUser ${user.metadata.name} may not see at this moment, and a dump by it would be without them: dump as one that owns the Database, while that is not full.`;
}

/** Its current one. RefusedError `SecretNotFound` without one. */
async function loginOf(
  { metadata, status }: DatabaseUser,
  { spec: { engine }, status: { databaseName: database } = {} }: Database,
  { hostName, secrets, signal }: Pick<Known, 'hostName' | 'secrets' | 'signal'>,
): Promise<DatabaseLogin> {
  const { namespace = '', name } = metadata;
  const current = currentOf({ passwords: status?.passwords ?? [] });
  if (current === undefined || database === undefined)
    throw new RefusedError('SecretNotFound', `DatabaseUser ${name} has no password yet.`);
  const ref = { ...passwordsSecretOf(metadata, hostName), key: current.id };
  const password = await readPassword(ref, secrets, signal);
  return { database, username: usernameOf({ namespace, name }, engine, current.login), password };
}
