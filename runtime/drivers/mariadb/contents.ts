import type { Row, Server } from './server.ts';
import { identifier } from './statements.ts';

/** So many tables are counted by one statement. */
const atOnce = 50;

/** Everything that is in a database: names of things by their kinds, and how many rows each table has, with those of its past. */
export async function contentsOf(server: Server, database: string): Promise<readonly string[]> {
  const things = await server.ask(
    everything,
    Array.from({ length: 6 }, () => database),
  );
  const tables = await server.ask(
    `SELECT TABLE_NAME AS name, TABLE_TYPE AS type FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'VIEW' ORDER BY 1`,
    [database],
  );
  const counts: string[] = [];
  for (let from = 0; from < tables.length; from += atOnce) {
    const some = tables.slice(from, from + atOnce);
    const rows = await server.ask(some.map((table, at) => countOf(database, table, at)).join(' UNION ALL '));
    counts.push(
      ...rows.map(({ place, rows: count }) => `${String(count)} rows of ${String(some[Number(place)]?.['name'])}`),
    );
  }
  return [...things.map(({ thing }) => String(thing)), ...counts];
}

function countOf(database: string, { name, type }: Row, at: number): string {
  const past = type === 'SYSTEM VERSIONED' ? ' FOR SYSTEM_TIME ALL' : '';
  return `SELECT ${at} AS place, COUNT(*) AS \`rows\` FROM ${identifier(database)}.${identifier(String(name))}${past}`;
}

const everything = [
  `SELECT CONCAT(LOWER(TABLE_TYPE), ' ', TABLE_NAME) AS thing FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?`,
  `SELECT CONCAT('column ', TABLE_NAME, '.', COLUMN_NAME, ' ', COLUMN_TYPE) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ?`,
  `SELECT CONCAT('index ', TABLE_NAME, '.', INDEX_NAME, ' ', SEQ_IN_INDEX) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ?`,
  `SELECT CONCAT(LOWER(CONSTRAINT_TYPE), ' ', TABLE_NAME, '.', CONSTRAINT_NAME) FROM information_schema.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA = ?`,
  `SELECT CONCAT(LOWER(ROUTINE_TYPE), ' ', ROUTINE_NAME, ' of ', DEFINER) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?`,
  `SELECT CONCAT('trigger ', TRIGGER_NAME, ' of ', DEFINER) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?`,
].join(' UNION ALL ');
