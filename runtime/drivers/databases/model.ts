import type { Action } from '#runtime/plan/plan.ts';

/**
 * What one object has on a database server, whichever engine it is. Real names are the server's (`[a-z][a-z0-9_]{0,31}`), made by the controllers so that
 * they tell nothing; what they mean stands in our marks only.
 */
export interface DatabaseState {
  /** By real name. `undefined`: it is there, and not as it was left; never in what is wanted. */
  readonly databases: ReadonlyMap<string, DatabaseSettings | undefined>;
  readonly logins: ReadonlyMap<string, LoginSettings | undefined>;
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
  /** The Secret whose `password` it takes; another resourceVersion makes it be read again. */
  readonly password: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
  /** By the real name of the database. */
  readonly grants: Readonly<Record<string, DatabaseGrant>>;
  /** How many sessions it may have at once. */
  readonly connections: number;
  /** Nobody logs in by it, and whoever was in is put out. */
  readonly isLocked: boolean;
}

/** `Owner`: makes and changes tables, and has whatever other owners made. `ReadWrite`: rows. `ReadOnly`: looks. */
export type DatabaseGrant = 'Owner' | 'ReadWrite' | 'ReadOnly';

interface OfServer {
  /** Real name of the database or login. */
  readonly name: string;
  /** `ownerId` of the object. */
  readonly owner: string;
}

/** All can be repeated. Dropping a database ends its sessions first; what it had is gone. */
export type DatabaseAction<Name extends string> =
  | Action<Name, 'create-database' | 'put-database', OfServer & { readonly settings: DatabaseSettings }>
  | Action<Name, 'create-login' | 'put-login', OfServer & { readonly settings: LoginSettings }>
  | Action<Name, 'drop-database' | 'drop-login', OfServer>;

export const noDatabases: DatabaseState = { databases: new Map(), logins: new Map() };
