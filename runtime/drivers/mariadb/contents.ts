import { routinesIn, triggersOf, viewIn, wordOf, type Holder } from './made.ts';
import type { Server } from './server.ts';
import { identifier } from './statements.ts';

/** So many names are read at once. */
const atOnce = 5_000;

/** Everything that is in a database, one table after the other: things by their kinds, and how many rows each table has, with those of its past. */
export async function* contentsOf(server: Server, holder: Holder): AsyncGenerator<string> {
  const { database } = holder;
  for await (const routine of routinesIn(server, database)) yield wordOf(routine);
  for await (const table of tablesOf(server, database)) {
    yield `table ${JSON.stringify(table)}`;
    yield* await partsOf(server, database, table);
    if (table.type !== 'VIEW') yield `${await countRows(server, database, table)} rows of ${table.name}`;
    for (const trigger of await triggersOf(server, database, table.name)) yield wordOf(trigger);
    const view = table.type === 'VIEW' ? await viewIn(server, holder, table.name) : undefined;
    if (view !== undefined) yield wordOf(view);
  }
}

interface Table {
  readonly name: string;
  readonly type: string;
}

async function* tablesOf(server: Server, database: string): AsyncGenerator<Table> {
  for (let after = ''; ;) {
    const rows = await server.ask(
      `SELECT TABLE_NAME AS name, TABLE_TYPE AS type FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = ? AND CAST(TABLE_NAME AS BINARY) > CAST(? AS BINARY) ORDER BY CAST(TABLE_NAME AS BINARY) LIMIT ${atOnce}`,
      [database, after],
    );
    const tables = rows.map(({ name, type }) => ({ name: String(name), type: String(type) }));
    yield* tables;
    const last = tables.at(-1);
    if (last === undefined || tables.length < atOnce) return;
    after = last.name;
  }
}

/** Longer than a name: what an enum may be. */
const typeBytes = 200;

const parts = [
  `SELECT 'column' AS kind, COLUMN_NAME AS name, IF(LENGTH(COLUMN_TYPE) > ${typeBytes}, SHA2(COLUMN_TYPE, 256), COLUMN_TYPE) AS more FROM information_schema.COLUMNS`,
  `SELECT 'index', INDEX_NAME, CONCAT(SEQ_IN_INDEX, ' ', COLUMN_NAME) FROM information_schema.STATISTICS`,
  `SELECT 'constraint', CONSTRAINT_NAME, CONSTRAINT_TYPE FROM information_schema.TABLE_CONSTRAINTS`,
].map((statement) => `${statement} WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`);

/** What a table is made of. */
async function partsOf(server: Server, database: string, { name: table }: Table): Promise<readonly string[]> {
  const rows = await server.ask(
    parts.join(' UNION ALL '),
    parts.flatMap(() => [database, table]),
  );
  return rows.map(({ kind, name, more }) => `${String(kind)} ${JSON.stringify([table, name, more])}`).toSorted();
}

async function countRows(server: Server, database: string, { name, type }: Table): Promise<string> {
  const past = type === 'SYSTEM VERSIONED' ? ' FOR SYSTEM_TIME ALL' : '';
  const [row] = await server.ask(`SELECT COUNT(*) AS \`rows\` FROM ${identifier(database)}.${identifier(name)}${past}`);
  return String(row?.['rows']);
}
