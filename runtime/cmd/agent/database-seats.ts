import { findCondition } from '#schemas/meta/conditions.ts';
import { sliceOf } from '#schemas/meta/names.ts';
import { tenantDirectory } from '#schemas/meta/tenant-tree.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import type { DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { socketDirectoryOf, usernameOf } from '#controllers/database-names.ts';
import { currentOf, passwordsSecretOf } from '#controllers/database-user/passwords.ts';
import { usersOf } from '#controllers/database-user/used-databases.ts';
import { RefusedError, required } from '#runtime/base/errors.ts';
import { dumpIntake } from '#runtime/drivers/databases/dump-intake.ts';
import type { DatabaseLogin, DatabaseProgram, DatabaseWork } from '#runtime/drivers/databases/programs.ts';
import { readPassword } from '#runtime/drivers/databases/read-password.ts';
import { mariadbDumps, mariadbProgram } from '#runtime/drivers/mariadb/index.ts';
import { postgresqlDumps, postgresqlProgram } from '#runtime/drivers/postgresql/index.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { DatabaseSeat } from '#runtime/streams/agent/stream-call.ts';

interface Known {
  readonly hostName: string;
  readonly root: string;
  readonly host: Pick<Host, 'capabilities'>;
  readonly cache: Cache;
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
    const tree = `${root}/${tenantDirectory(namespace)}`;
    return {
      ...{ tenant: namespace, uid, tree, workingDirectory: tree, isReadOnly: true, slice: sliceOf(uid) },
      sockets: [socketDirectoryOf(engine, root)],
      refusal: refusalOf(database, user, userName),
      intake: () => dumpIntake(engine === 'PostgreSQL' ? postgresqlDumps() : mariadbDumps()),
      program: async (work) => await programOf(known, { database, user: required(user, 'a DatabaseUser'), work }),
    };
  };
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
    spec.databases.some(({ name, access }) => name === metadata.name && access === 'Owner'),
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

async function programOf(
  { root, host, secrets, signal }: Known,
  { database, user, work }: { readonly database: Database; readonly user: DatabaseUser; readonly work: DatabaseWork },
): Promise<DatabaseProgram> {
  const login = await loginOf(user, database, { secrets, signal });
  if (database.spec.engine === 'MariaDB') return mariadbProgram(root, login, work);
  const { programs } = required((await host.capabilities(signal)).postgresql, 'PostgreSQL');
  return postgresqlProgram({ root, programs }, login, work);
}

/** Its current one. RefusedError `SecretNotFound` without one. */
async function loginOf(
  { metadata: { namespace = '', name }, status }: DatabaseUser,
  { spec: { engine }, status: { databaseName: database } = {} }: Database,
  { secrets, signal }: Pick<Known, 'secrets' | 'signal'>,
): Promise<DatabaseLogin> {
  const current = currentOf({ passwords: status?.passwords ?? [] });
  if (current === undefined || database === undefined)
    throw new RefusedError('SecretNotFound', `DatabaseUser ${name} has no password yet.`);
  const ref = { namespace, name: passwordsSecretOf(name), key: current.id };
  const password = await readPassword(ref, secrets, signal);
  return { database, username: usernameOf({ namespace, name }, engine, current.login), password };
}
