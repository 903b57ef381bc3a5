import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { openSession, type Session } from './session.ts';
import { literal, name as quoted, sql, type Sql } from './sql.ts';

/** So many tables are counted by one statement. */
const atOnce = 50;

/** Everything that is in a database, whoever made it: names of things by their kinds, values of sequences, and how many rows each table has. */
export async function contentsOf(database: string, host: ServerHost, signal: AbortSignal): Promise<readonly string[]> {
  const session = await openSession(host, database, signal);
  try {
    const things = (await session.ask(everything, signal)).map(({ thing }) => String(thing));
    return [...things, ...(await countRows(session, signal))];
  } finally {
    session.close();
  }
}

async function countRows(session: Session, signal: AbortSignal): Promise<readonly string[]> {
  const tables = await session.ask(
    sql`SELECT n.nspname AS schema, c.relname AS table FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384 AND n.nspname <> 'wcp360' ORDER BY 1, 2`,
    signal,
  );
  const counts: string[] = [];
  for (let from = 0; from < tables.length; from += atOnce) {
    const statement = tables
      .slice(from, from + atOnce)
      .map(({ schema, table }) => countOf(String(schema), String(table)))
      .join(' UNION ALL ') as Sql;
    const rows = await session.ask(statement, signal);
    counts.push(...rows.map(({ name, rows: count }) => `${String(count)} rows of ${String(name)}`));
  }
  return counts;
}

function countOf(schema: string, table: string): Sql {
  const full = sql`${quoted(schema)}.${quoted(table)}`;
  return sql`SELECT ${literal(full)} AS name, count(*) AS rows FROM ONLY ${full}`;
}

/** What people made has a number from 16384 on. What is ours inside is not theirs; what is internal to a constraint goes with that. */
const catalogs = [
  ...['pg_namespace', 'pg_class', 'pg_proc', 'pg_type', 'pg_constraint', 'pg_attrdef', 'pg_policy', 'pg_rewrite'],
  ...['pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_collation', 'pg_conversion', 'pg_statistic_ext', 'pg_cast'],
  ...['pg_ts_config', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template', 'pg_largeobject_metadata', 'pg_extension'],
  ...['pg_publication', 'pg_subscription', 'pg_foreign_data_wrapper', 'pg_foreign_server', 'pg_language', 'pg_am'],
] as const;

const things = [
  ...catalogs.map((catalog) => `SELECT '${catalog}'::regclass AS catalog, oid, 0 AS part FROM ${catalog}`),
  `SELECT 'pg_trigger'::regclass, oid, 0 FROM pg_trigger WHERE NOT tgisinternal`,
  `SELECT 'pg_class'::regclass, attrelid, attnum FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
    AND attrelid IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'c'))`,
].join(' UNION ALL ');

const everything = `SELECT i.type || ' ' || i.identity AS thing
  FROM (${things}) o, LATERAL pg_identify_object(o.catalog, o.oid, o.part) i
  WHERE o.oid >= 16384 AND i.identity IS NOT NULL AND i.type NOT LIKE 'toast table%'
    AND coalesce(i.schema, '') NOT IN ('wcp360', 'pg_toast') AND i.identity !~ '^(wcp360|pg_toast)([.]|$)|on (wcp360|pg_toast)[.]|for (wcp360|pg_toast)[.]'
  UNION ALL
  SELECT 'value of ' || quote_ident(schemaname) || '.' || quote_ident(sequencename) || ': ' || coalesce(last_value::text, 'none') FROM pg_sequences
  WHERE schemaname <> 'wcp360'` as Sql;
