import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { openSession, type Row, type Session } from './session.ts';
import { name as quoted, sql, type Sql } from './sql.ts';

/** So many rows are read at once. */
const atOnce = 1_000;
/** All rows of a table are gone over by one statement. */
const longestMs = 12 * 3_600_000;

/**
 * Everything that is in a database, whoever made it: names of things by their kinds, values of sequences, and how many rows each table has. Nothing that is asked of
 * the catalog runs what people made, and neither does COPY of a table: the planner of a query would, as the administrator, for an index of theirs.
 */
export async function* contentsOf(database: string, host: ServerHost, signal: AbortSignal): AsyncGenerator<string> {
  const session = await openSession(host, database, signal, longestMs);
  try {
    await session.ask(sql`BEGIN READ ONLY`, signal);
    for await (const { thing } of rowsOf(session, everything, signal)) yield String(thing);
    for await (const { schema, table, column } of rowsOf(session, tables, signal)) {
      const name = sql`${quoted(String(schema))}.${quoted(String(table))}`;
      const columns = typeof column === 'string' ? sql`(${quoted(column)})` : sql``;
      const count = await session.count(sql`COPY ${name} ${columns} TO '/dev/null'`, signal);
      yield `${String(count)} rows of ${name}`;
    }
  } finally {
    session.close();
  }
}

/** As they are asked for: there may be more than fit into memory. */
async function* rowsOf(session: Session, question: Sql, signal: AbortSignal): AsyncGenerator<Row> {
  await session.ask(sql`DECLARE found NO SCROLL CURSOR FOR ${question}`, signal);
  for (;;) {
    const rows = await session.ask(sql`FETCH ${atOnce} FROM found`, signal);
    yield* rows;
    if (rows.length < atOnce) break;
  }
  await session.ask(sql`CLOSE found`, signal);
}

/** With the column of each that is read most quickly. */
const tables = sql`SELECT n.nspname AS schema, c.relname AS table,
    (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      ORDER BY a.attlen < 0, a.attlen, a.attnum LIMIT 1) AS column
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384 AND n.nspname <> 'wcp360' ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`;

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

const everything = `SELECT thing FROM (
    SELECT i.type || ' ' || i.identity AS thing
    FROM (${things}) o, LATERAL pg_identify_object(o.catalog, o.oid, o.part) i
    WHERE o.oid >= 16384 AND i.identity IS NOT NULL AND i.type NOT LIKE 'toast table%'
      AND coalesce(i.schema, '') NOT IN ('wcp360', 'pg_toast') AND i.identity !~ '^(wcp360|pg_toast)([.]|$)|on (wcp360|pg_toast)[.]|for (wcp360|pg_toast)[.]'
    UNION ALL
    SELECT 'value of ' || quote_ident(schemaname) || '.' || quote_ident(sequencename) || ': ' || coalesce(last_value::text, 'none') FROM pg_sequences
    WHERE schemaname <> 'wcp360'
  ) AS things ORDER BY thing COLLATE "C"` as Sql;
