import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import { HostError } from '#runtime/base/errors.ts';
import { guarded } from '#runtime/drivers/databases/guarded.ts';
import { enterServer, type Administrator, type ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { mariadbFraming } from './framing.ts';
import { securely } from './relay.ts';
import { errorNumber, serverError } from './server-errors.ts';

/** What is said to the server while one has it to oneself. */
export interface Server {
  /** Rows; values come as numbers, strings or null. A statement with values is a prepared one: they are never part of its text. */
  ask(statement: string, values?: readonly (string | null)[]): Promise<readonly Row[]>;
  /** `isFine`: numbers of errors that are as good as done. */
  tell(statement: string, values?: readonly (string | null)[], isFine?: readonly number[]): Promise<void>;
}

export type Row = Readonly<Record<string, unknown>>;

/** A connection that stands. */
export interface Connected {
  readonly connection: Connection;
  readonly stream: Duplex;
}

const statementTimeoutMs = 120_000;

/** Who speaks. */
export type Login = Pick<Administrator, 'username' | 'password'>;

/** As the administrator, unless somebody else is named. HostError when nobody answers, or it is another one than it should be. */
export async function connect(host: ServerHost, signal: AbortSignal, as?: Login): Promise<Connected> {
  const { tls, ...entrance } = await enterServer(host, signal);
  const { username, password } = as ?? entrance;
  const stream =
    tls === undefined
      ? entrance.stream
      : guarded(securely({ stream: entrance.stream, tls }, signal), mariadbFraming, host.server);
  const login = { user: username, ...(password === undefined ? {} : { password }) };
  try {
    // Of what a server elsewhere says no code is made.
    const options = { stream, charset: 'utf8mb4', disableEval: tls !== undefined, ...login };
    const connection = await bounded(stream, signal, createConnection(options));
    // Whoever is waiting for an answer may not be told: it is over for them, too.
    connection.on('error', (err) => stream.destroy(err as Error));
    if (stream.destroyed) throw new HostError('the database server hung up');
    return { connection, stream };
  } catch (err) {
    stream.destroy();
    throw err;
  }
}

/** What can be said over a connection, each statement within a time. */
export function serverOn(
  { connection, stream }: Connected,
  signal: AbortSignal,
  timeoutMs = statementTimeoutMs,
): Server {
  const send = async (statement: string, values: readonly (string | null)[] | undefined): Promise<unknown> => {
    signal.throwIfAborted();
    const [answer] =
      values === undefined ? await connection.query(statement) : await connection.execute(statement, [...values]);
    return answer;
  };
  return {
    ask: async (statement, values) =>
      (await bounded(stream, signal, send(statement, values), timeoutMs)) as readonly Row[],
    tell: async (statement, values, isFine = []) => {
      const sent = send(statement, values).catch((err: unknown) => {
        if (!isFine.includes(errorNumber(err) ?? 0)) throw err;
      });
      await bounded(stream, signal, sent, timeoutMs);
    },
  };
}

/** Ends the connection, and with it the answer, when it takes too long or is no longer wanted. */
async function bounded<R>(
  stream: Duplex,
  signal: AbortSignal,
  answer: Promise<R>,
  timeoutMs = statementTimeoutMs,
): Promise<R> {
  const hangUp = (): void => void stream.destroy();
  const timer = setTimeout(hangUp, timeoutMs);
  signal.addEventListener('abort', hangUp);
  const over = new AbortController();
  try {
    return await Promise.race([answer, gone(stream, over.signal)]);
  } catch (err) {
    signal.throwIfAborted();
    throw err instanceof HostError ? err : serverError(err);
  } finally {
    over.abort();
    clearTimeout(timer);
    signal.removeEventListener('abort', hangUp);
  }
}

/** Rejects when the connection is: the library leaves an answer open where a server breaks off what it was saying. */
async function gone(stream: Duplex, signal: AbortSignal): Promise<never> {
  if (!stream.closed) await once(stream, 'close', { signal });
  // What the library has to say of it comes first.
  await turn();
  throw stream.errored ?? new HostError('the database server hung up');
}
