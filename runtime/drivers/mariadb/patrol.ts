import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import { serverOfDriver } from '#runtime/drivers/databases/model.ts';
import type { MeasuredDatabase } from '#runtime/drivers/databases/sizes.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { table } from './marks.ts';
import { withServer } from './server.ts';
import { noSuchSession } from './server-errors.ts';
import { endSession } from './statements.ts';

/** After which a statement that set its own time is ended: one that has not is over by then. */
const graceMs = 5_000;

/** Of a row of `mysql.proc`, with what else it takes. */
const routineBytes =
  '512 + LENGTH(body) + LENGTH(body_utf8) + LENGTH(param_list) + LENGTH(returns) + OCTET_LENGTH(comment)';

/** All databases of ours, by one statement: the files of their tables, and the text of their routines; and what only files tell. Names are like those of marks, so that they are looked up by a key. */
export async function measureDatabases(host: ServerHost, signal: AbortSignal): Promise<readonly MeasuredDatabase[]> {
  if (!(await host.hasServer(signal))) return [];
  const rows = await withServer(host, signal, async (server) => await server.ask(sizes));
  const found = rows.map(({ name, owner, bytes }) => ({
    name: String(name),
    owner: String(owner),
    bytes: Number(bytes),
  }));
  const names = found.map(({ name }) => name);
  const beside = await host.filesBeside?.(names, signal);
  return found.map((each) => ({ ...each, bytes: each.bytes + (beside?.get(each.name) ?? 0) }));
}

const sizes = `SELECT mark.name, mark.owner, COALESCE(files.bytes, 0) + COALESCE(routines.bytes, 0) AS bytes FROM ${table} AS mark
  LEFT JOIN (
    SELECT CAST(SUBSTRING_INDEX(NAME, '/', 1) AS CHAR(64) CHARACTER SET ascii) COLLATE ascii_bin AS name, SUM(ALLOCATED_SIZE) AS bytes
    FROM information_schema.INNODB_SYS_TABLESPACES WHERE NAME LIKE '%/%' GROUP BY 1
  ) AS files ON files.name = mark.name
  LEFT JOIN (
    SELECT CAST(db AS CHAR(64) CHARACTER SET ascii) COLLATE ascii_bin AS name, SUM(${routineBytes}) AS bytes FROM mysql.proc GROUP BY 1
  ) AS routines ON routines.name = mark.name
  WHERE mark.kind = 'database'`;

/**
 * A session may set a time of its own for its statements, and the server counts none for those of a routine: whoever takes more than the login has is put
 * out, if this host looks after it. How many there were.
 */
export async function endOverlong(
  { host, patrol, isServedHere }: DatabasesWorld,
  signal: AbortSignal,
): Promise<number> {
  const dumpers = JSON.stringify(patrol?.dumpers(serverOfDriver('mariadb', host.server)) ?? []);
  if (!(await host.hasServer(signal))) return 0;
  return await withServer(host, signal, async (server) => {
    const found = await server.ask(overlong, [String(graceMs), dumpers]);
    const rows = found.filter(({ owner }) => isServedHere?.(String(owner)) !== false);
    for (const { id } of rows) await server.tell(endSession(Number(id)), undefined, [noSuchSession]);
    return rows.length;
  });
}

/** What mariadb-dump asks of a table takes as long as that is large. The list of processes knows since when, also within a routine; the performance schema, who logged in. */
const overlong = `SELECT process.ID AS id, mark.owner FROM information_schema.PROCESSLIST AS process
  JOIN performance_schema.threads AS thread ON thread.PROCESSLIST_ID = process.ID
  JOIN ${table} AS mark ON mark.kind = 'login' AND mark.name = thread.PROCESSLIST_USER
  WHERE process.COMMAND NOT IN ('Sleep', 'Daemon') AND JSON_VALUE(mark.settings, '$.limits.statementTimeoutMs') > 0
    AND process.TIME_MS > JSON_VALUE(mark.settings, '$.limits.statementTimeoutMs') + ?
    AND NOT (process.INFO LIKE 'SELECT /*!40001 SQL_NO_CACHE */ %' AND JSON_CONTAINS(?, JSON_QUOTE(mark.name)))`;
