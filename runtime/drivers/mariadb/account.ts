import { isRecord } from '#runtime/base/json.ts';
import type { LoginSettings } from '#runtime/drivers/databases/model.ts';
import { verifierOf } from './native-password.ts';
import { privilegeColumns } from './privileges.ts';
import type { Row, Server } from './server.ts';
import { connectionLimit } from './statements.ts';

/** What the server has under the name of a login. */
export interface Account {
  /** As `mysql.global_priv` has them; `undefined` where there are accounts of that name from elsewhere only. */
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
  /** Privileges by pattern of a database. */
  readonly grants: ReadonlyMap<string, readonly string[]>;
  /** Whether it has any other right: on a table, column or routine, by a role, or as somebody's proxy. */
  readonly hasMore: boolean;
  /** From where the name is let in as well, though it should not be. */
  readonly otherHosts: readonly string[];
}

const moreTables = ['tables_priv', 'columns_priv', 'procs_priv', 'roles_mapping', 'proxies_priv'] as const;

/** Of one name, or of all, in three statements; in one where there is none. `hostOf`: from where a login of ours comes. */
export async function readAccounts(
  server: Server,
  hostOf: (login: string) => string,
  login?: string,
): Promise<ReadonlyMap<string, Account>> {
  const isRight = ({ User, Host }: Row): boolean => Host === hostOf(String(User));
  const [where, values] = login === undefined ? ['', undefined] : [' WHERE User = ?', [login]];
  const from = (columns: string, tables: readonly string[]): string =>
    tables.map((table) => `SELECT ${columns} FROM mysql.${table}${where}`).join(' UNION ');
  const known = await server.ask(from('User, Host, Priv', ['global_priv']), values);
  if (known.length === 0) return new Map();
  const grants = grantsByLogin((await server.ask(from('*', ['db']), values)).filter(isRight));
  const more = await server.ask(from('User, Host', moreTables), values && moreTables.flatMap(() => values));
  const withMore = new Set(more.filter(isRight).map(({ User }) => String(User)));
  const byName = Map.groupBy(known, ({ User }) => String(User));
  return new Map(
    [...byName].map(([name, rows]) => [
      name,
      {
        attributes: attributesOf(rows.find(isRight)),
        grants: grants.get(name) ?? new Map<string, readonly string[]>(),
        hasMore: withMore.has(name),
        otherHosts: rows.filter((row) => !isRight(row)).map(({ Host }) => String(Host)),
      },
    ]),
  );
}

function attributesOf(row: Row | undefined): Account['attributes'] {
  if (row === undefined) return undefined;
  const { Priv } = row;
  const value: unknown = typeof Priv === 'string' ? JSON.parse(Priv) : Priv;
  return isRecord(value) ? value : {};
}

function grantsByLogin(rows: readonly Row[]): ReadonlyMap<string, ReadonlyMap<string, readonly string[]>> {
  const byLogin = Map.groupBy(rows, ({ User }) => String(User));
  return new Map(
    [...byLogin].map(([login, own]) => [login, new Map(own.map((row) => [String(row['Db']), privilegesIn(row)]))]),
  );
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

/** How an account differs from what a login is given: not at all, in that alone, or by what it should have none of. */
export function differenceOf(
  account: Account | undefined,
  verifier: string | undefined,
  settings: LoginSettings,
): 'none' | 'ours' | 'more' {
  if (account?.attributes === undefined) return 'more';
  const { attributes, hasMore, otherHosts } = account;
  const isBare = Object.entries(attributes).every(([key, value]) => usual.has(key) || isNothing(value));
  if (!isBare || hasMore || otherHosts.length > 0) return 'more';
  const methods = methodsOf(attributes);
  const isSame =
    methods.every(({ plugin }) => plugin === 'mysql_native_password') &&
    verifierOf(methods.map((method) => String(method['authentication_string']))) === verifier &&
    // 0 where it has expired.
    attributes['password_last_changed'] !== 0 &&
    isLimitedBy(attributes, settings);
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
  attributes: NonNullable<Account['attributes']>,
  { from, connections, limits, isLocked }: LoginSettings,
): boolean {
  return (
    (attributes['ssl_type'] ?? sslTypes.none) === (from === undefined ? sslTypes.none : sslTypes.any) &&
    attributes['max_user_connections'] === connectionLimit(connections) &&
    attributes['max_statement_time'] === limits.statementTimeoutMs / 1_000 &&
    (attributes['account_locked'] === true) === isLocked
  );
}

function isNothing(value: unknown): boolean {
  return value === 0 || value === '' || value === false || value === null;
}
