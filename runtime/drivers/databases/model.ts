import type { Action } from '#runtime/plan/plan.ts';

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
  /** A wanted database that belongs to somebody whose `ownerId` begins so is taken over with what it holds; never in what is found. */
  readonly heirTo?: string;
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
 * in, and whoever was in is put out; what was granted stays, and comes back.
 */
export type DatabaseAccess = 'Open' | 'Full' | 'Closed';

export interface LoginSettings {
  readonly password: PasswordRef;
  /** One that lets in as well, under the same name: of MariaDB alone, since PostgreSQL keeps one for each login. */
  readonly otherPassword?: PasswordRef;
  /** By the real name of the database. */
  readonly grants: Readonly<Record<string, DatabaseGrant>>;
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

/** What one session of a login may use. */
export interface SessionLimits {
  /** How long a statement may take; 0 for as long as it likes. */
  readonly statementTimeoutMs: number;
  /** Disk space for sorting and the like, in whole KiB; of PostgreSQL alone. */
  readonly temporaryBytes: number;
}

/** `Owner`: makes and changes tables, and has whatever other owners made. `ReadWrite`: rows. `ReadOnly`: looks. */
export type DatabaseGrant = 'Owner' | 'ReadWrite' | 'ReadOnly';

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
}

/** Whether something that belongs to `owner` may be put for who claims it. */
export function mayHave({ owner: claimant, heirTo }: Claimant, owner: string): boolean {
  return owner === claimant || (heirTo !== undefined && owner.startsWith(heirTo));
}

/** All can be repeated. Dropping a database ends its sessions first; what it had is gone. Keeping it closes it, and hands it over. */
export type DatabaseAction<Name extends string> =
  | Action<Name, 'create-database' | 'put-database', Claimant & { readonly settings: DatabaseSettings }>
  | Action<Name, 'keep-database', OfServer & { readonly heir: string }>
  | Action<Name, 'create-login' | 'put-login', OfServer & { readonly settings: LoginSettings }>
  | Action<Name, 'drop-database' | 'drop-login', OfServer>;

export const noDatabases: DatabaseState = { databases: new Map(), logins: new Map() };

/** More than the caches that PostgreSQL puts beside the tables of a database come to. */
const leastStepBytes = 256 * 1024;
const stepRatio = 0.01;

/** Whether two sizes differ by so much that somebody should know: one percent, and 256 KiB at least. */
export function isOtherSize(one: number, other: number): boolean {
  return Math.abs(one - other) > Math.max(leastStepBytes, stepRatio * Math.max(one, other));
}
