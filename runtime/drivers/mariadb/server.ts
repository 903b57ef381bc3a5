import type { Duplex } from 'node:stream';
import { createConnection, type Connection } from 'mysql2/promise';
import { HostError } from '#runtime/base/errors.ts';
import type { Host } from '#runtime/host/host.ts';
import { mariadbPaths } from './mariadb-settings.ts';
import { errorNumber, serverError } from './server-errors.ts';

/** What is said to the server while one has it to oneself. */
export interface Server {
  /** Rows; values come as numbers, strings or null. A statement with values is a prepared one: they are never part of its text. */
  ask(statement: string, values?: readonly (string | null)[]): Promise<readonly Row[]>;
  /** `isFine`: numbers of errors that are as good as done. */
  tell(statement: string, values?: readonly (string | null)[], isFine?: readonly number[]): Promise<void>;
}

export type Row = Readonly<Record<string, unknown>>;

/** The connection of one host: used by one after the other, opened when it is needed, closed when nobody needs it for a while. */
interface Line {
  turn: Promise<void>;
  open: { readonly connection: Connection; readonly stream: Duplex } | undefined;
  idle: NodeJS.Timeout | undefined;
}

const lines = new WeakMap<Host, Line>();
const idleMs = 2_000;
const statementTimeoutMs = 120_000;

/**
 * Has the server to itself while `work` goes on, as its administrator: the kernel says that we are root. RefusedError for what the server will never take,
 * HostError otherwise; a connection that broke is opened anew the next time.
 */
export async function withServer<R>(host: Host, signal: AbortSignal, work: (server: Server) => Promise<R>): Promise<R> {
  const line = lineOf(host);
  const { promise, resolve: leave } = Promise.withResolvers<void>();
  const before = line.turn;
  line.turn = promise;
  await before;
  clearTimeout(line.idle);
  try {
    signal.throwIfAborted();
    if (line.open?.stream.destroyed !== false) line.open = await open(host, signal);
    return await work(serverOn(line.open, signal));
  } finally {
    line.idle = setTimeout(() => hangUp(line), idleMs).unref();
    leave();
  }
}

function lineOf(host: Host): Line {
  const line = lines.get(host) ?? { turn: Promise.resolve(), open: undefined, idle: undefined };
  lines.set(host, line);
  return line;
}

async function open(host: Host, signal: AbortSignal): Promise<NonNullable<Line['open']>> {
  const stream = await host.connectUnix(mariadbPaths(host.root).socket, signal);
  try {
    const connection = await bounded(stream, signal, createConnection({ stream, user: 'root', charset: 'utf8mb4' }));
    // Whoever is waiting for an answer is told as well.
    connection.on('error', () => undefined);
    if (stream.destroyed) throw new HostError('the database server hung up');
    return { connection, stream };
  } catch (err) {
    stream.destroy();
    throw err;
  }
}

function hangUp(line: Line): void {
  line.open?.connection.destroy();
  line.open = undefined;
}

function serverOn({ connection, stream }: NonNullable<Line['open']>, signal: AbortSignal): Server {
  const send = async (statement: string, values: readonly (string | null)[] | undefined): Promise<unknown> => {
    signal.throwIfAborted();
    const [answer] =
      values === undefined ? await connection.query(statement) : await connection.execute(statement, [...values]);
    return answer;
  };
  return {
    ask: async (statement, values) => (await bounded(stream, signal, send(statement, values))) as readonly Row[],
    tell: async (statement, values, isFine = []) => {
      const sent = send(statement, values).catch((err: unknown) => {
        if (!isFine.includes(errorNumber(err) ?? 0)) throw err;
      });
      await bounded(stream, signal, sent);
    },
  };
}

/** Ends the connection, and with it the answer, when it takes too long or is no longer wanted. */
async function bounded<R>(stream: Duplex, signal: AbortSignal, answer: Promise<R>): Promise<R> {
  const hangUp = (): void => void stream.destroy();
  const timer = setTimeout(hangUp, statementTimeoutMs);
  signal.addEventListener('abort', hangUp);
  try {
    return await answer;
  } catch (err) {
    signal.throwIfAborted();
    throw err instanceof HostError ? err : serverError(err);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', hangUp);
  }
}
