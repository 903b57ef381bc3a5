import { isRecord } from '#runtime/base/json.ts';
import type { Server } from './server.ts';
import { identifier } from './statements.ts';

/** A database that holds what is of `name`, perhaps as a copy. */
export interface Holder {
  readonly name: string;
  readonly database: string;
}

/** A thing that runs with the rights of whoever made it. */
export interface Made {
  readonly kind: 'routine' | 'trigger' | 'view';
  /** Its table, or which kind of routine it is. */
  readonly of: string;
  readonly name: string;
  /** As the server writes it: `login@place`. */
  readonly maker: string;
  /** Of all that it does, and means. */
  readonly digest: string;
}

/** So many are read at once. */
const atOnce = 1_000;

/** Of a row of `mysql.proc`. */
export const routineDigest = digestOf([
  ...[
    'param_list',
    'returns',
    'body',
    'CAST(sql_mode AS CHAR)',
    'security_type',
    'is_deterministic',
    'sql_data_access',
  ],
  ...['comment', 'character_set_client', 'collation_connection', 'aggregate'],
]);

/** In the order of their key. */
export async function* routinesIn(server: Server, database: string): AsyncGenerator<Made> {
  let last = { name: '', number: '0' };
  for (;;) {
    const rows = await server.ask(
      `SELECT name, type AS of, type + 0 AS number, definer AS maker, ${routineDigest} AS digest FROM mysql.proc
        WHERE db = ? AND (name > ? OR (name = ? AND type + 0 > ?)) ORDER BY name, type LIMIT ${atOnce}`,
      [database, last.name, last.name, last.number],
    );
    for (const row of rows) yield madeOf('routine', row);
    const end = rows.at(-1);
    if (end === undefined || rows.length < atOnce) return;
    last = { name: String(end['name']), number: String(end['number']) };
  }
}

/** In the order in which they run. */
export async function triggersOf(server: Server, database: string, table: string): Promise<readonly Made[]> {
  const rows = await server.ask(triggers, [database, table]);
  return rows.map((row) => madeOf('trigger', row));
}

const triggers = `SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS of, DEFINER AS maker, ${digestOf([
  ...['ACTION_TIMING', 'EVENT_MANIPULATION', 'ACTION_STATEMENT', 'SQL_MODE', 'COLLATION_CONNECTION'],
])} AS digest FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ?
  ORDER BY ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER`;

/** Nothing where there is none. */
export async function viewIn(server: Server, { name, database }: Holder, view: string): Promise<Made | undefined> {
  const [row] = await server.ask(views, [`${identifier(database)}.`, `${identifier(name)}.`, database, view]);
  return row && madeOf('view', row);
}

/** It names its database. */
const views = `SELECT TABLE_NAME AS name, '' AS of, DEFINER AS maker, ${digestOf([
  ...['REPLACE(VIEW_DEFINITION, ?, ?)', 'CHECK_OPTION', 'SECURITY_TYPE', 'ALGORITHM', 'COLLATION_CONNECTION'],
])} AS digest FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`;

function digestOf(columns: readonly string[]): string {
  return `SHA2(CONCAT_WS(CHAR(0), ${columns.join(', ')}), 256)`;
}

function madeOf(kind: Made['kind'], row: Readonly<Record<string, unknown>>): Made {
  const text = (key: string): string => String(row[key]);
  return { kind, of: text('of'), name: text('name'), maker: text('maker'), digest: text('digest') };
}

/** As it stands among the contents of a database. */
export function wordOf({ kind, ...facts }: Made): string {
  return `${kind} ${JSON.stringify(facts)}`;
}

/** What `wordOf` wrote; `undefined` for any other thing. */
export function madeFrom(word: string): Made | undefined {
  const [, kind, facts = ''] = /^(routine|trigger|view) (\{.*\})$/s.exec(word) ?? [];
  const found: unknown = kind === undefined ? undefined : JSON.parse(facts);
  return isRecord(found) ? madeOf(kind as Made['kind'], found) : undefined;
}
