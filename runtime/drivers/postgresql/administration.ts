import { createTurns, type Turns } from '#runtime/base/turns.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { openAdministration } from './enter.ts';
import { applicationName, openSession, type Ask, type Session } from './session.ts';
import { literal, sql } from './sql.ts';

/** A session that is not used is closed, so that it holds up nobody's end. */
const idleMs = 1_000;
/** Whoever changes something has this, so that what an agent left behind ends before another begins. */
const changing = sql`360`;

interface Lane {
  readonly turns: Turns;
  session: Session | undefined;
  idle: NodeJS.Timeout | undefined;
}

const lanes = new WeakMap<ServerHost, Lane>();

/** Works as the administrator of a server, one after the other on one session, which is opened where there is none. */
export async function administer<R>(host: ServerHost, signal: AbortSignal, work: (ask: Ask) => Promise<R>): Promise<R> {
  const lane = lanes.get(host) ?? { turns: createTurns(1), session: undefined, idle: undefined };
  lanes.set(host, lane);
  return await lane.turns.take(async () => await take(lane, host, signal, work), signal);
}

/** As `administer`, for what changes something. */
export async function change<R>(host: ServerHost, signal: AbortSignal, work: (ask: Ask) => Promise<R>): Promise<R> {
  return await administer(host, signal, async (ask) => {
    await ask(sql`SELECT pg_advisory_lock(${changing})`);
    const result = await work(ask);
    await ask(sql`SELECT pg_advisory_unlock(${changing})`);
    return result;
  });
}

/**
 * Works as the administrator inside one database, on a session of its own; for whoever may `change`. There is no lock in there that a tenant could not take:
 * what an agent left behind is ended instead.
 */
export async function inside<R>(
  { host, database, signal }: { readonly host: ServerHost; readonly database: string; readonly signal: AbortSignal },
  ask: Ask,
  work: (ask: Ask) => Promise<R>,
): Promise<R> {
  await ask(sql`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = ${literal(database)} AND usename = current_user AND application_name = ${literal(applicationName)}`);
  const session = await openSession(host, database, signal);
  try {
    return await work(async (statement) => await session.ask(statement, signal));
  } finally {
    session.close();
  }
}

async function take<R>(lane: Lane, host: ServerHost, signal: AbortSignal, work: (ask: Ask) => Promise<R>): Promise<R> {
  // A session that nobody takes after all goes on being idle.
  signal.throwIfAborted();
  clearTimeout(lane.idle);
  if (lane.session?.isOpen !== true) lane.session = await openAdministration(host, signal);
  const { session } = lane;
  try {
    const result = await work(async (statement) => await session.ask(statement, signal));
    lane.idle = setTimeout(session.close, idleMs);
    return result;
  } catch (err) {
    // Nobody knows what it was in the middle of.
    session.close();
    throw err;
  }
}
