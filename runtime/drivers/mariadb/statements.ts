import type { DatabaseSettings, LoginSettings } from '#runtime/drivers/databases/model.ts';
import { bySocket } from './places.ts';

/**
 * What is said to MariaDB, as text. Every word that is not ours stands as a quoted name, also where a string would do: it is read in one way whatever
 * `sql_mode` says. What may be a parameter of a prepared statement is none of this file's.
 */

/** A name: a database, a character set, one part of an account. */
export function identifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The one database of this name, as it stands in `mysql.db`: GRANT takes `_` and `%` for any character. */
export function patternOf(database: string): string {
  return database.replaceAll(/[\\_%]/g, String.raw`\$&`);
}

/** A login by name, and from where it comes. */
export interface Account {
  readonly name: string;
  /** As `mysql.global_priv` has it. */
  readonly host: string;
}

export function accountText({ name, host }: Account): string {
  return `${identifier(name)}@${identifier(host)}`;
}

/** Somebody else's statement, or a prepared transaction, may hold a table of it for ever; meanwhile everybody waits for us. */
const patiently = 'SET STATEMENT lock_wait_timeout=2, innodb_lock_wait_timeout=2 FOR';

export function createDatabase(name: string, settings: DatabaseSettings): string {
  return `CREATE DATABASE ${identifier(name)} ${charactersOf(settings)}`;
}

export function alterDatabase(name: string, settings: DatabaseSettings): string {
  return `${patiently} ALTER DATABASE ${identifier(name)} ${charactersOf(settings)}`;
}

function charactersOf({ encoding, collation }: DatabaseSettings): string {
  return `CHARACTER SET ${identifier(encoding)} COLLATE ${identifier(collation)}`;
}

export function dropDatabase(name: string): string {
  return `${patiently} DROP DATABASE IF EXISTS ${identifier(name)}`;
}

type AccountSettings = Pick<LoginSettings, 'connections' | 'limits' | 'isLocked'>;

/** `hashes` are `nativeHash`'s, each of which lets in. Takes away whatever an account of that name had. */
export function createLogin(login: Account, hashes: readonly string[], settings: AccountSettings): string {
  return `CREATE OR REPLACE USER ${accountText(login)} ${attributesOf(login, hashes, settings)}`;
}

export function alterLogin(login: Account, hashes: readonly string[], settings: AccountSettings): string {
  return `ALTER USER ${accountText(login)} ${attributesOf(login, hashes, settings)}`;
}

function attributesOf(
  { host }: Account,
  hashes: readonly string[],
  { connections, limits, isLocked }: AccountSettings,
): string {
  const methods = hashes.map((hash) => `mysql_native_password USING '${hash}'`).join(' OR ');
  const most = connectionLimit(connections);
  const longest = limits.statementTimeoutMs / 1_000;
  const lock = isLocked ? 'LOCK' : 'UNLOCK';
  // By a socket there is nothing to listen to.
  const transport = host === bySocket ? 'NONE' : 'SSL';
  return `IDENTIFIED VIA ${methods} REQUIRE ${transport} WITH MAX_USER_CONNECTIONS ${most} MAX_STATEMENT_TIME ${longest} ACCOUNT ${lock}`;
}

/** 0 would be any number to the server, and -1 is none. */
export function connectionLimit(connections: number): number {
  return connections === 0 ? -1 : connections;
}

export function dropLogin(login: Account): string {
  return `DROP USER IF EXISTS ${accountText(login)}`;
}

/** `pattern` as it stands in `mysql.db`. */
export function grant(privileges: readonly string[], pattern: string, login: Account): string {
  return `GRANT ${privileges.join(', ')} ON ${identifier(pattern)}.* TO ${accountText(login)}`;
}

export function revoke(privileges: readonly string[], pattern: string, login: Account): string {
  return `REVOKE ${privileges.join(', ')} ON ${identifier(pattern)}.* FROM ${accountText(login)}`;
}

/** What a login makes may run with the rights of anybody: it must run nothing that others wrote. */
export function letNameDefiners(login: Account): string {
  return `GRANT SET USER ON *.* TO ${accountText(login)}`;
}

export function endSession(id: number): string {
  return `KILL CONNECTION ${id}`;
}
