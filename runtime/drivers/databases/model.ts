import { PostponedError } from '#runtime/base/errors.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { JobProgress } from './jobs.ts';

/**
 * What one object has on a database server, whichever engine it is. Real names are the server's (`[a-z][a-z0-9_]{0,31}`), made by the controllers so that
 * they tell nothing; what they mean stands in our marks only.
 */
export interface DatabaseState {
  /** By real name. `undefined`: it is there, and not as it was left; never in what is wanted. */
  readonly databases: ReadonlyMap<string, DatabaseSettings | undefined>;
  readonly logins: ReadonlyMap<string, LoginSettings | undefined>;
  /** Databases that stay on the server, closed, by real name → `ownerId` of whom they are from then on; never in what is found. One that is not its own, or not there, is nobody's concern. */
  readonly kept?: ReadonlyMap<string, string>;
  /** Those of them that are to be a file of root's, once they are closed and their own; never in what is found. */
  readonly dumped?: ReadonlySet<string>;
  /** Those that are Dumped, and of whose file this machine knows nothing; never in what is wanted. */
  readonly lostDumps?: ReadonlySet<string>;
  /** What is under way for it, by real name; never in what is wanted. */
  readonly jobs?: ReadonlyMap<string, JobProgress>;
  /** What is under way for others with databases that are its own until that has ended, by real name; never in what is wanted. */
  readonly othersJobs?: ReadonlyMap<string, JobProgress>;
  /** A wanted database that belongs to somebody whose `ownerId` begins so is taken over with what it holds; never in what is found. */
  readonly heirTo?: string;
  /** A wanted database that is there and nobody's is taken over with what it holds: somebody who may has allowed it. Never in what is found. */
  readonly adopts?: true;
  /** Another name may lead to the same server: what is there may be what it has by that one. Never in what is wanted. */
  readonly isShared?: true;
  /** The server did not answer: nobody knows what is there. Never in what is wanted. */
  readonly isUnknown?: true;
}

/** What one object has on all servers of an engine: on the one that the host keeps for itself, and on others by name of their DatabaseServer. */
export interface ServersState extends DatabaseState {
  readonly elsewhere?: ReadonlyMap<string, DatabaseState>;
  /** It never had anything on servers of this engine: whether they answer is none of its business. Never in what is found. */
  readonly isStranger?: true;
}

/** What of it is on one server; on the host's own without a name. */
export function stateOn(state: ServersState, server: string): DatabaseState {
  if (server !== '') return state.elsewhere?.get(server) ?? noDatabases;
  const { elsewhere: _, ...own } = state;
  return own;
}

/** Which server of which driver. */
export function serverOfDriver(driver: string, server: string): string {
  return server === '' ? driver : `${driver}@${server}`;
}

/** Whether a server is one of that driver. */
export function isServerOfDriver(driver: string, place: string): boolean {
  return place === driver || place.startsWith(`${driver}@`);
}

/** Data that survives JSON. */
export interface DatabaseSettings {
  /** `UTF8` (PostgreSQL), `utf8mb4` (MariaDB). Fixed once the database is there. */
  readonly encoding: string;
  /** `C.UTF-8` (PostgreSQL), `utf8mb4_unicode_ci` (MariaDB). Fixed once the database is there. */
  readonly collation: string;
  /** Of an allowlist that the controllers keep, sorted; always empty on MariaDB. */
  readonly extensions: readonly string[];
  readonly access: DatabaseAccess;
}

/**
 * `Open`: whoever has a grant uses it. `Full`: reads and deletes go on, writes are refused, whatever its users did before or do now. `Closed`: nobody is let
 * in, and whoever was in is put out; what was granted stays, and comes back. `Dumped`: its server does not have it any more, a file has; only found.
 */
export type DatabaseAccess = 'Open' | 'Full' | 'Closed' | 'Dumped';

/** Whether nobody is let in; of one that is not as it was left nobody knows. */
export function isShut(settings: Pick<DatabaseSettings, 'access'> | undefined): boolean {
  return settings?.access === 'Closed' || settings?.access === 'Dumped';
}

/** Where what a database held is while it is Dumped, below the root of the host: SQL, packed by gzip. Two servers may have had one of a name. */
export function dumpPath(driver: string, server: string, name: string): string {
  const directory = server === '' ? driver : `${driver}-${server}`;
  return `databases/dumps/${directory}/${name}.sql.gz`;
}

export interface LoginSettings {
  readonly password: PasswordRef;
  /** One that lets in as well, under the same name: of MariaDB alone, since PostgreSQL keeps one for each login. */
  readonly otherPassword?: PasswordRef;
  /** By the real name of the database. */
  readonly grants: Readonly<Record<string, DatabaseGrant>>;
  /** From where it comes: by a `Socket` of the server's machine, over the network from `Anywhere`, or from a network as `networkText` writes it. By the socket alone when absent. */
  readonly origins?: readonly string[];
  /** How many sessions it may have at once. */
  readonly connections: number;
  readonly limits: SessionLimits;
  /** Nobody logs in by it, and whoever was in is put out. */
  readonly isLocked: boolean;
}

/** Where a password is. What is under a key never changes: another password has another one. */
export interface PasswordRef {
  readonly namespace: string;
  /** Of the Secret. */
  readonly name: string;
  readonly key: string;
}

/** Where a server that a machine keeps for itself listens, beside its socket. Who may come is told elsewhere. */
export interface ServerNetwork {
  /** Of the machine; all of them when there is none. */
  readonly addresses: readonly string[];
}

/** What one session of a login may use. */
export interface SessionLimits {
  /** How long a statement may take; 0 for as long as it likes. */
  readonly statementTimeoutMs: number;
  /** Disk space for sorting and the like, in whole KiB; of PostgreSQL alone. */
  readonly temporaryBytes: number;
}

/** `Owner`: makes and changes tables, and has whatever other owners made. `ReadWrite`: rows. `ReadOnly`: looks. Or single rights, in order of name, on all tables. */
export type DatabaseGrant = GrantWord | readonly Privilege[];
export type GrantWord = 'Owner' | 'ReadWrite' | 'ReadOnly';

/** `Execute`, `LockTables`, `ShowView` and `TemporaryTables` are of MariaDB alone. */
export type Privilege =
  'Delete' | 'Execute' | 'Insert' | 'LockTables' | 'Select' | 'ShowView' | 'TemporaryTables' | 'Update';

interface OfServer {
  /** Real name of the database or login. */
  readonly name: string;
  /** `ownerId` of the object. */
  readonly owner: string;
}

/** Who wants a name on the server. */
export interface Claimant extends OfServer {
  /** Of whom it takes over what is there: the beginning of their `ownerId`. Absent: of nobody. */
  readonly heirTo?: string;
  /** Whether it takes over what is there and nobody's. */
  readonly adopts?: true;
}

/** Whether something that belongs to `owner` may be put for who claims it. */
export function mayHave({ owner: claimant, heirTo }: Claimant, owner: string): boolean {
  return owner === claimant || (heirTo !== undefined && owner.startsWith(heirTo));
}

/** Of one that was to be adopted. */
export function notThere(name: string): PostponedError {
  return new PostponedError('NothingToAdopt', `The server has no database ${name} that could be adopted.`);
}

/** All can be repeated. Dropping a database ends its sessions first; what it had is gone. Keeping it closes it, and hands it over. */
export type ServerAction<Name extends string> =
  | Action<Name, 'create-database' | 'put-database', Claimant & { readonly settings: DatabaseSettings }>
  | Action<Name, 'keep-database', OfServer & { readonly heir: string }>
  | Action<Name, 'create-login' | 'put-login', OfServer & { readonly settings: LoginSettings }>
  | Action<Name, 'drop-database' | 'drop-login', OfServer>;

/** Dumping only begins: what makes a file of a database, as what makes it of one again, is a job, and its end another action. */
export type JobAction<Name extends string> =
  Action<Name, 'dump-database', OfServer> | Action<Name, 'end-job', OfServer>;

export type DatabaseAction<Name extends string> = ServerAction<Name> | JobAction<Name>;

export const noDatabases: DatabaseState = { databases: new Map(), logins: new Map() };

/** More than the caches and maps that PostgreSQL puts beside the tables of a database come to, in time. */
const leastStepBytes = 512 * 1024;
const stepRatio = 0.01;

/** Whether two sizes differ by so much that somebody should know: one percent, and 512 KiB at least. */
export function isOtherSize(one: number, other: number): boolean {
  return Math.abs(one - other) > Math.max(leastStepBytes, stepRatio * Math.max(one, other));
}
