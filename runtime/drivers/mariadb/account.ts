import { isRecord } from '#runtime/base/json.ts';
import type { LoginSettings } from '#runtime/drivers/databases/model.ts';
import { verifierOf } from './native-password.ts';
import { bySocket } from './places.ts';
import { privilegeColumns } from './privileges.ts';
import type { Row, Server } from './server.ts';
import { connectionLimit } from './statements.ts';

/** What the server has under the name of a login for one place that it comes from. */
export interface Account {
  /** As `mysql.global_priv` has them. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Privileges by pattern of a database. */
  readonly grants: ReadonlyMap<string, readonly string[]>;
  /** Whether it has any other right: on a table, column or routine, by a role, or as somebody's proxy. */
  readonly hasMore: boolean;
}

/** By place, as the server calls it. */
export type Accounts = ReadonlyMap<string, Account>;

const moreTables = ['tables_priv', 'columns_priv', 'procs_priv', 'roles_mapping', 'proxies_priv'] as const;

/** Of one name, or of all, in three statements; in one where there is none. */
export async function readAccounts(server: Server, login?: string): Promise<ReadonlyMap<string, Accounts>> {
  const [where, values] = login === undefined ? ['', undefined] : [' WHERE User = ?', [login]];
  const from = (columns: string, tables: readonly string[]): string =>
    tables.map((table) => `SELECT ${columns} FROM mysql.${table}${where}`).join(' UNION ');
  const known = await server.ask(from('User, Host, Priv', ['global_priv']), values);
  if (known.length === 0) return new Map();
  const grants = Map.groupBy(await server.ask(from('*', ['db']), values), nameOf);
  const more = await server.ask(from('User, Host', moreTables), values && moreTables.flatMap(() => values));
  const withMore = new Set(more.map(nameOf));
  const accountOf = (row: Row): readonly [string, Account] => [
    String(row['Host']),
    {
      attributes: attributesOf(row),
      grants: grantsIn(grants.get(nameOf(row)) ?? []),
      hasMore: withMore.has(nameOf(row)),
    },
  ];
  const byName = Map.groupBy(known, ({ User }) => String(User));
  return new Map([...byName].map(([name, rows]) => [name, new Map(rows.map(accountOf))]));
}

/** One word for an account. */
function nameOf({ User, Host }: Row): string {
  return JSON.stringify([User, Host]);
}

function attributesOf({ Priv }: Row): Account['attributes'] {
  const value: unknown = typeof Priv === 'string' ? JSON.parse(Priv) : Priv;
  return isRecord(value) ? value : {};
}

function grantsIn(rows: readonly Row[]): Account['grants'] {
  return new Map(rows.map((row) => [String(row['Db']), privilegesIn(row)]));
}

/** Of a row of `mysql.db`. */
export function privilegesIn(row: Row): readonly string[] {
  return Object.entries(privilegeColumns).flatMap(([privilege, column]) => (row[column] === 'Y' ? [privilege] : []));
}

/** What a login of ours is given, and can be given anew, and what says nothing about what it may do. */
const usual: ReadonlySet<string> = new Set([
  'version_id',
  'password_last_changed',
  'plugin',
  'authentication_string',
  'auth_or',
  'ssl_type',
  'max_user_connections',
  'max_statement_time',
  'account_locked',
]);

/** What an account of a login is to be. */
export interface WantedAccount {
  /** As the server calls the place. */
  readonly host: string;
  /** Knows the hashes of its passwords. */
  readonly verifier: string | undefined;
  readonly settings: LoginSettings;
}

/** How an account differs from what a login is given: not at all, in that alone, or by what it should have none of. */
export function differenceOf(account: Account | undefined, wanted: WantedAccount): 'none' | 'ours' | 'more' {
  if (account === undefined) return 'more';
  const { attributes, hasMore } = account;
  const isBare = Object.entries(attributes).every(([key, value]) => usual.has(key) || isNothing(value));
  if (!isBare || hasMore) return 'more';
  const methods = methodsOf(attributes);
  const isSame =
    methods.every(({ plugin }) => plugin === 'mysql_native_password') &&
    verifierOf(methods.map((method) => String(method['authentication_string']))) === wanted.verifier &&
    // 0 where it has expired.
    attributes['password_last_changed'] !== 0 &&
    isLimitedBy(attributes, wanted);
  return isSame ? 'none' : 'ours';
}

/** Ways to log in, any of which will do. Among several, the one that stands beside them is empty. */
function methodsOf(attributes: Readonly<Record<string, unknown>>): readonly Readonly<Record<string, unknown>>[] {
  const { auth_or: methods } = attributes;
  if (!Array.isArray(methods)) return [attributes];
  return methods.filter(isRecord).map((method) => (Object.keys(method).length === 0 ? attributes : method));
}

/** As `mysql.global_priv` has them. */
const sslTypes = { none: 0, any: 1 } as const;

function isLimitedBy(
  attributes: Account['attributes'],
  { host, settings: { connections, limits, isLocked } }: WantedAccount,
): boolean {
  return (
    (attributes['ssl_type'] ?? sslTypes.none) === (host === bySocket ? sslTypes.none : sslTypes.any) &&
    attributes['max_user_connections'] === connectionLimit(connections) &&
    attributes['max_statement_time'] === limits.statementTimeoutMs / 1_000 &&
    (attributes['account_locked'] === true) === isLocked
  );
}

function isNothing(value: unknown): boolean {
  return value === 0 || value === '' || value === false || value === null;
}
