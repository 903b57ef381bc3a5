import { findCondition } from '#schemas/meta/conditions.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import type { DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import { databaseLimitsOf, type DatabaseLimits } from '#controllers/database-limits.ts';
import { usernameOf, type Engine } from '#controllers/database-names.ts';
import { isTenantSuspended, serverOn } from '#controllers/database-server.ts';
import type { Password } from '#controllers/database-user/passwords.ts';
import { usedDatabases, type UsedDatabases } from '#controllers/database-user/used-databases.ts';

/** Everything about the world that a DatabaseUser on this host depends on. */
export interface DatabaseUserHostInputs extends UsedDatabases {
  /** What it logs in by, under which name. */
  readonly passwords: readonly (Password & { readonly username: string })[];
  readonly isSuspended: boolean;
  /** What the package gives. */
  readonly limits: Pick<DatabaseLimits, 'connections' | 'session'>;
  /** Why it is not as declared, though it can log in. */
  readonly unready?: Reason;
}

export interface Reason {
  readonly reason: string;
  readonly message: string;
}

/** Reads its Databases, and what the leader says of its passwords. */
export function gatherUser(hostName: string, user: DatabaseUser, cache: Cache): DatabaseUserHostInputs | Pending {
  const { namespace = '' } = user.metadata;
  const used = usedDatabases(user, cache);
  if (isPending(used)) return used;
  const server = serverOn(hostName, used.engine, cache);
  if (isPending(server)) return server;
  const passwords = passwordsOf(user, used.engine);
  if (isPending(passwords)) return passwords;
  const readiness = readinessOf(user, cache);
  if (isPending(readiness)) return readiness;
  const isSuspended = user.spec.suspended || isTenantSuspended(namespace, cache);
  const { connections, session } = databaseLimitsOf(namespace, cache);
  return { ...used, ...readiness, passwords, isSuspended, limits: { connections, session } };
}

const secretNotReady: Reason = { reason: 'SecretNotReady', message: 'Its Secret is not written yet.' };

function passwordsOf(
  { metadata: { namespace = '', name }, status }: DatabaseUser,
  engine: Engine,
): DatabaseUserHostInputs['passwords'] | Pending {
  const { passwords = [] } = status ?? {};
  if (passwords.length === 0) return { pending: secretProblem(status) ?? secretNotReady };
  return passwords.map((each) => ({ ...each, username: usernameOf({ namespace, name }, engine, each.login) }));
}

/** What the leader says of the Secret, where it is not as it should be. */
function secretProblem(status: DatabaseUser['status'] | undefined): Reason | undefined {
  const ready = findCondition(status?.conditions, 'SecretReady');
  return ready?.status === 'False' ? { reason: ready.reason, message: ready.message } : undefined;
}

/** Whether all of its Databases are there on the server and can be used, and its Secret says how. */
function readinessOf(user: DatabaseUser, cache: Cache): Pick<DatabaseUserHostInputs, 'unready'> | Pending {
  const { namespace } = user.metadata;
  const databases = user.spec.databases.map(({ name }) => cache.get(databaseKind, { namespace, name }));
  const missing = databases.find((database) => database?.status?.databaseName === undefined);
  if (missing !== undefined) {
    const message = `Database ${missing.metadata.name} is not there on the server yet; it says why.`;
    return { pending: { reason: 'DatabaseNotReady', message } };
  }
  const closed = databases.find((database) => findCondition(database?.status?.conditions, 'Ready')?.status !== 'True');
  const unready = closed === undefined ? secretReason(user) : databaseReason(closed);
  return unready === undefined ? {} : { unready };
}

function databaseReason({ metadata: { name } }: Database): Reason {
  const message = `It can log in, but Database ${name} is not ready; that says why.`;
  return { reason: 'DatabaseNotReady', message };
}

/** What the leader said of another generation says nothing of this one. */
function secretReason({ metadata, status }: DatabaseUser): Reason | undefined {
  const said = findCondition(status?.conditions, 'SecretReady');
  return said?.observedGeneration === metadata.generation ? secretProblem(status) : secretNotReady;
}
