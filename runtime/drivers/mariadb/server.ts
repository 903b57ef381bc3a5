import { createTurns, type Turns } from '#runtime/base/turns.ts';
import type { JudgeHolder, HolderHere, ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { connect, serverOn, type Connected, type Login, type Server } from './connection.ts';
import { checkHolder, judgeHolder } from './holder.ts';
import { checkServer, takeUp } from './take-up.ts';

export type { Row, Server } from './connection.ts';

/** The connection of one host: used by one after the other, opened when it is needed, closed when nobody needs it for a while. */
interface Line {
  readonly turns: Turns;
  open: Connected | undefined;
  idle: NodeJS.Timeout | undefined;
}

const lines = new WeakMap<ServerHost, Line>();
/** Servers of others that have been looked at, and as whose. */
const fit = new WeakMap<ServerHost, HolderHere | undefined>();
const idleMs = 2_000;
const longestMs = 12 * 3_600_000;

/**
 * Has the server to itself while `work` goes on, as its administrator. RefusedError for what the server will never take,
 * HostError otherwise; a connection that broke is opened anew the next time.
 */
export async function withServer<R>(
  host: ServerHost,
  signal: AbortSignal,
  work: (server: Server) => Promise<R>,
): Promise<R> {
  const line = lineOf(host);
  return await line.turns.take(async () => {
    clearTimeout(line.idle);
    try {
      signal.throwIfAborted();
      if (line.open?.stream.destroyed !== false) line.open = await open(host, signal);
      return await work(serverOn(line.open, signal));
    } finally {
      line.idle = setTimeout(() => hangUp(line), idleMs).unref();
    }
  }, signal);
}

/** A connection of its own, that is to be closed. */
export interface ServerApart extends Server {
  close(): void;
}

/** As `withServer`, beside it: for what takes its time, while nobody waits for it. */
export async function openApart(host: ServerHost, signal: AbortSignal): Promise<ServerApart> {
  return apart(await open(host, signal), signal);
}

/** As a login of the moment, to a server of which one is sure. */
export async function openAs(login: Login, host: ServerHost, signal: AbortSignal): Promise<ServerApart> {
  return apart(await connect(host, signal, login), signal);
}

function apart(own: Connected, signal: AbortSignal): ServerApart {
  return { ...serverOn(own, signal, longestMs), close: () => own.connection.destroy() };
}

function lineOf(host: ServerHost): Line {
  const line = lines.get(host) ?? { turns: createTurns(1), open: undefined, idle: undefined };
  lines.set(host, line);
  return line;
}

async function open(host: ServerHost, signal: AbortSignal): Promise<Connected> {
  const line = await connect(host, signal);
  if (host.server === '') return line;
  try {
    const server = serverOn(line, signal);
    if (!fit.has(host)) fit.set(host, await takeUp(server, host, signal));
    const here = fit.get(host);
    if (here !== undefined) await checkHolder(server, here);
    return line;
  } catch (err) {
    line.connection.destroy();
    // Somebody may have made the server anew.
    fit.delete(host);
    throw err;
  }
}

/** Looks whether a server of others does, and is nobody else's, and makes nothing there. PostponedError where it does not. */
export async function lookAtServer(host: ServerHost, signal: AbortSignal, judge: JudgeHolder): Promise<void> {
  const line = await connect(host, signal);
  try {
    const server = serverOn(line, signal);
    await checkServer(server, host);
    await judgeHolder(server, judge);
  } finally {
    line.connection.destroy();
  }
}

function hangUp(line: Line): void {
  line.open?.connection.destroy();
  line.open = undefined;
}
