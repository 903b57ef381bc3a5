import { Client, DatabaseError, type QueryResult } from 'pg';
import { HostError, RefusedError, required, Wcp360Error } from '#runtime/base/errors.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { connect, connectTimeoutMs, valueTypes } from './connection.ts';
import type { Sql } from './sql.ts';

export type Row = Readonly<Record<string, unknown>>;

/** Sends one message; rows of its last statement. RefusedError for what the server will never take, HostError for all else, in the server's words. */
export type Ask = (statement: Sql) => Promise<readonly Row[]>;

/** The administrator in one database. */
export interface Session {
  readonly isOpen: boolean;
  ask(statement: Sql, signal: AbortSignal): Promise<readonly Row[]>;
  /** As `ask`, of one statement: how many rows it went over. */
  count(statement: Sql, signal: AbortSignal): Promise<number>;
  close(): void;
}

/** How sessions of ours are told from those of people. */
export const applicationName = 'wcp360';
/** We are ourselves and names mean what they mean to the server, whatever was set for a database; and nothing is waited for without end. */
const sessionOptions = '-c role=none -c search_path=pg_catalog,pg_temp -c lock_timeout=30s';
const usualStatementMs = 10 * 60_000;
/** The server ends a statement before we give it up. */
const graceMs = 60_000;
/** SQLSTATE classes of what the same statement always leads to: feature not supported, dependent objects, data, syntax or access rule. */
const refusals = new Set(['0A', '2B', '22', '42']);

/** `longestMs`: what one statement may take; ten minutes when absent. HostError when nobody answers. */
export async function openSession(
  host: ServerHost,
  database: string,
  signal: AbortSignal,
  longestMs = usualStatementMs,
): Promise<Session> {
  const { stream, login } = await connect(host, signal);
  const client = new Client({
    ...login,
    stream: () => stream,
    ssl: false,
    types: valueTypes,
    database,
    application_name: applicationName,
    client_encoding: 'UTF8',
    options: `${sessionOptions} -c statement_timeout=${longestMs}`,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: longestMs + graceMs,
  });
  let isOpen = true;
  const ended = (): void => void (isOpen = false);
  client.on('error', ended);
  client.on('end', ended);
  const close = (): void => {
    ended();
    void client.end().catch(() => undefined);
  };
  await told(client.connect()).catch((err: unknown) => {
    close();
    throw err;
  });
  const send = async (statement: Sql, asking: AbortSignal): Promise<QueryResult<Row>> => {
    asking.throwIfAborted();
    const abort = (): void => void stream.destroy();
    asking.addEventListener('abort', abort);
    try {
      return await told(client.query<Row>(statement));
    } finally {
      asking.removeEventListener('abort', abort);
    }
  };
  return {
    get isOpen() {
      return isOpen;
    },
    ask: async (statement, asking) => rowsOf(await send(statement, asking)),
    count: async (statement, asking) => required((await send(statement, asking)).rowCount, 'a number of rows'),
    close,
  };
}

/** Of several statements the answers come as a list. */
function rowsOf(result: QueryResult<Row> | readonly QueryResult<Row>[]): readonly Row[] {
  const last = Array.isArray(result) ? (result as readonly QueryResult<Row>[]).at(-1) : (result as QueryResult<Row>);
  return last?.rows ?? [];
}

async function told<R>(answer: Promise<R>): Promise<R> {
  try {
    return await answer;
  } catch (err) {
    throw asOurs(err);
  }
}

/** Never with the statement: it may hold what is secret. */
function asOurs(err: unknown): unknown {
  if (err instanceof Wcp360Error) return err;
  if (!(err instanceof DatabaseError)) {
    const words = err instanceof Error ? err.message : String(err);
    return new HostError(`the connection to PostgreSQL broke: ${words}`, {}, { cause: err });
  }
  const words = `PostgreSQL refuses: ${err.message} (${err.code ?? 'no code'})`;
  return refusals.has(err.code?.slice(0, 2) ?? '') ? new RefusedError('DatabaseRefused', words) : new HostError(words);
}
