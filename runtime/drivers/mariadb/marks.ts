import { isRecord } from '#runtime/base/json.ts';
import type { DatabaseSettings, LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { Row, Server } from './connection.ts';

/** A database that only the administrator sees; no tenant's can have this name. */
export const table = '`wcp360-marks`.marks';

/**
 * What we made and for whom, since a comment of a database is its user's to change. `name` is the server's, `verifier` knows the hash that a login was
 * given. A mark is written before the thing that it is for is touched, and `is_settled` once all of it holds.
 */
export const createMarks: readonly string[] = [
  'CREATE DATABASE IF NOT EXISTS `wcp360-marks`',
  `CREATE TABLE IF NOT EXISTS ${table} (
    kind ENUM('database', 'login') NOT NULL,
    name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    owner VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    settings LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    verifier VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
    is_settled BOOLEAN NOT NULL,
    PRIMARY KEY (kind, name)
  ) ENGINE=InnoDB`,
];

export type MarkKind = 'database' | 'login';

export interface Mark<Settings = DatabaseSettings | LoginSettings> {
  readonly name: string;
  readonly owner: string;
  /** What it has, or is being given; `undefined`: it is being dropped. */
  readonly settings: Settings | undefined;
  readonly verifier: string | undefined;
  readonly isSettled: boolean;
}

type SettingsOf<Kind extends MarkKind> = Kind extends 'database' ? DatabaseSettings : LoginSettings;

/** Those of these names, or all. */
export async function readMarks<Kind extends MarkKind>(
  server: Server,
  kind: Kind,
  names?: readonly string[],
): Promise<readonly Mark<SettingsOf<Kind>>[]> {
  if (names?.length === 0) return [];
  const among = names === undefined ? '' : ` AND name IN (${names.map(() => '?').join(', ')})`;
  const rows = await server.ask(`SELECT * FROM ${table} WHERE kind = ?${among}`, [kind, ...(names ?? [])]);
  return rows.map((row) => markOf<SettingsOf<Kind>>(row));
}

/** Of logins that have a grant on a database, and of all in the namespace of its owner. */
export async function readMarksAround(
  server: Server,
  { name, owner }: { readonly name: string; readonly owner: string },
): Promise<readonly Mark<LoginSettings>[]> {
  // Real names hold nothing that JSON would write otherwise; a few too many do no harm. Bytes are compared in half the time of characters.
  const rows = await server.ask(
    `SELECT * FROM ${table} WHERE kind = 'login' AND (INSTR(BINARY settings, ?) > 0 OR INSTR(BINARY owner, ?) > 0)`,
    [`"${name}":`, `/${namespaceOf(owner)}/`],
  );
  return rows.map((row) => markOf<LoginSettings>(row));
}

/** `Database/acme/shop` → `acme`. */
function namespaceOf(owner: string): string {
  return owner.split('/').at(-2) ?? '';
}

export function markOf<Settings>(row: Row): Mark<Settings> {
  const settings: unknown = JSON.parse(String(row['settings']));
  const { verifier } = row;
  return {
    name: String(row['name']),
    owner: String(row['owner']),
    settings: isRecord(settings) ? (settings as Settings) : undefined,
    verifier: typeof verifier === 'string' ? verifier : undefined,
    isSettled: row['is_settled'] === 1,
  };
}

/** Notes what is about to be done. */
export async function putMark(
  server: Server,
  kind: MarkKind,
  { name, owner, settings, verifier }: Omit<Mark, 'isSettled'>,
): Promise<void> {
  await server.tell(
    `INSERT INTO ${table} (kind, name, owner, settings, verifier, is_settled) VALUES (?, ?, ?, ?, ?, 0)
      ON DUPLICATE KEY UPDATE owner = VALUES(owner), settings = VALUES(settings), verifier = VALUES(verifier), is_settled = 0`,
    [kind, name, owner, JSON.stringify(settings ?? null), verifier ?? null],
  );
}

/** From now on it is another's. */
export async function handMarkOver(
  server: Server,
  kind: MarkKind,
  { name, owner, heir }: { readonly name: string; readonly owner: string; readonly heir: string },
): Promise<void> {
  await server.tell(`UPDATE ${table} SET owner = ? WHERE kind = ? AND name = ? AND owner = ?`, [
    heir,
    kind,
    name,
    owner,
  ]);
}

/** All of it holds. */
export async function settleMark(server: Server, kind: MarkKind, name: string): Promise<void> {
  await server.tell(`UPDATE ${table} SET is_settled = 1 WHERE kind = ? AND name = ?`, [kind, name]);
}

export async function dropMark(server: Server, kind: MarkKind, name: string): Promise<void> {
  await server.tell(`DELETE FROM ${table} WHERE kind = ? AND name = ?`, [kind, name]);
}
