import { findCondition } from '#schemas/meta/conditions.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import type { DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import { elsewhereOf, type Elsewhere } from '#controllers/server-use.ts';
import { defined } from '#controllers/whereabouts.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, isRefused, type Pending, type Refused } from '#runtime/manager/controller.ts';
import { databaseLimitsOf, type DatabaseLimits } from '#controllers/database-limits.ts';
import { usernameOf, type Engine } from '#controllers/database-names.ts';
import { isTenantSuspended, serverOn, type ServerPlace } from '#controllers/database-server.ts';
import type { Password } from '#controllers/database-user/passwords.ts';
import { originOf, type Origin } from '#controllers/database-user/origin.ts';
import { stayingDatabases, usedDatabases, type UsedDatabases } from '#controllers/database-user/used-databases.ts';

/** Everything about the world that a DatabaseUser on this host depends on. */
export interface DatabaseUserHostInputs extends UsedDatabases, Origin, Elsewhere {
  /** The server that it was put on last, unless that is one that a host keeps for itself. */
  readonly former?: ServerPlace & Required<Pick<Elsewhere, 'elsewhere'>>;
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
export function gatherUser(
  hostName: string,
  user: DatabaseUser,
  cache: Cache,
): DatabaseUserHostInputs | Pending | Refused {
  const former = formerOf(user, cache);
  if (user.metadata.deletionTimestamp !== undefined) return leaving(hostName, former);
  const all = allDatabases(user, cache);
  const used = isPending(all) && isPut(user) ? (stayingDatabases(user, cache) ?? all) : all;
  if (isPending(used)) return used;
  const login = loginInputs(hostName, user, { used, cache });
  if (isPending(login) || isRefused(login)) return login;
  const unready = isPending(all) ? all.pending : unreadyReason(user, cache);
  return { ...used, ...defined({ unready }), ...former, ...elsewhereOf(used.server, cache), ...login };
}

type LoginInputs = Pick<
  DatabaseUserHostInputs,
  'passwords' | 'isSuspended' | 'limits' | 'origins' | 'remote' | 'unready'
>;

/** How it logs in to the server of its Databases. */
function loginInputs(
  hostName: string,
  user: DatabaseUser,
  { used, cache }: { readonly used: UsedDatabases; readonly cache: Cache },
): LoginInputs | Pending | Refused {
  const { namespace = '' } = user.metadata;
  const server = serverOn(hostName, { engine: used.engine, server: used.server }, cache);
  if (isPending(server)) return server;
  const passwords = passwordsOf(user, used.engine);
  if (isPending(passwords)) return passwords;
  const origin = originOf(user.spec.hosts, server);
  const isSuspended = user.spec.suspended || isTenantSuspended(namespace, cache);
  // Who is let in from nowhere has not to be kept to anything.
  if (isRefused(origin) && !isSuspended) return origin;
  const { connections, session } = databaseLimitsOf(namespace, cache);
  const limits = { connections: Math.min(connections, server.mostConnections ?? connections), session };
  return { ...(isRefused(origin) ? {} : origin), passwords, isSuspended, limits };
}

type Former = Pick<DatabaseUserHostInputs, 'former'>;

function formerOf({ status }: DatabaseUser, cache: Cache): Former {
  const { elsewhere, ...fate } = elsewhereOf(status?.server, cache);
  if (elsewhere === undefined) return {};
  const { engine = 'PostgreSQL' } = cache.get(databaseServerKind, { name: elsewhere })?.spec ?? {};
  return { former: { engine, elsewhere, ...fate } };
}

/** Whatever else is missing. */
function leaving(host: string, former: Former): DatabaseUserHostInputs {
  const place = former.former ?? ({ engine: 'PostgreSQL' } as const);
  const limits = { connections: 0, session: { statementTimeoutMs: 0, temporaryBytes: 0 } };
  return { host, grants: [], ...place, ...former, passwords: [], isSuspended: false, limits };
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

function databasesOf({ metadata: { namespace }, spec }: DatabaseUser, cache: Cache): readonly Database[] {
  const found = spec.databases.map(({ name }) => cache.get(databaseKind, { namespace, name }));
  return found.filter((database) => database !== undefined);
}

/** Whether the server took a password of it: then it goes on with the Databases that are left. */
function isPut({ status }: DatabaseUser): boolean {
  return (status?.acceptedPasswords ?? []).length > 0;
}

/** All that it names, once they are there on the server. */
function allDatabases(user: DatabaseUser, cache: Cache): UsedDatabases | Pending {
  const used = usedDatabases(user, cache);
  const missing = databasesOf(user, cache).find(({ status }) => status?.databaseName === undefined);
  if (isPending(used) || missing === undefined) return used;
  const message = `Database ${missing.metadata.name} is not there on the server yet; it says why.`;
  const isNew = findCondition(missing.status?.conditions, 'Ready') === undefined;
  return { pending: { reason: isNew ? 'DatabaseNew' : 'DatabaseNotReady', message } };
}

/** Whether all of its Databases can be used, and its Secret says how. */
function unreadyReason(user: DatabaseUser, cache: Cache): Reason | undefined {
  const closed = databasesOf(user, cache).find(
    ({ status }) => findCondition(status?.conditions, 'Ready')?.status !== 'True',
  );
  return closed === undefined ? secretReason(user) : databaseReason(closed);
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
