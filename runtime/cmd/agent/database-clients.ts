import { hostKind } from '#schemas/v1alpha1/host.ts';
import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { ApiError, required } from '#runtime/base/errors.ts';
import {
  createClientSessions,
  startClient,
  stopClient,
  stopClients,
  type ClientSession,
  type ClientSessions,
} from '#runtime/drivers/adminer/index.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { DatabaseSeat, WayIn } from '#runtime/streams/agent/stream-call.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

export interface DatabaseClientsOptions {
  readonly hostName: string;
  /** Where the web front speaks TLS, and browsers come unless the Host says otherwise. */
  readonly httpsPort: number;
  readonly host: Host;
  readonly cache: Cache;
  readonly seatOf: (namespace: string, name: string, user: string | undefined) => DatabaseSeat | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** People's browsers at Databases of this host. */
export interface DatabaseClients {
  /** A way in, for one time and a short while, as the login of a seat. ApiError 404 where there is none, 429 for too many. */
  invite(database: { readonly namespace: string; readonly name: string }, seat: DatabaseSeat): Promise<WayIn>;
}

/** Whose session it is. A Database or DatabaseUser that was made anew under its name is another one. */
interface Subject {
  readonly namespace: string;
  readonly name: string;
  readonly user: string;
  readonly identity: string;
}

const minuteMs = 60_000;
const times = { tokenMs: minuteMs, idleMs: 15 * minuteMs, lifeMs: 8 * 60 * minuteMs };
const perTenant = 5;
const sweepMs = 2_000;

/** What runs for a session, and with which password. */
interface Running {
  readonly passwordId: string;
  readonly socket: string;
}

interface Clients extends DatabaseClientsOptions {
  readonly sessions: ClientSessions<Subject>;
  /** By the ids of sessions. */
  readonly running: Map<string, Promise<Running | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * Answers the web front on `<root>/run/panel.sock` (the front's group only): `redeem TOKEN COOKIE` gives a cookie for a way in and ends the session of the one
 * before, `enter COOKIE` the socket of that session's client, which is started when it does not run, and `leave COOKIE` ends it. Sessions are this agent's alone:
 * what another one left running is ended. Resolves when it listens.
 */
export async function openDatabaseClients(
  options: DatabaseClientsOptions,
  signal: AbortSignal,
): Promise<DatabaseClients> {
  const { host, clock, log } = options;
  const sessions = createClientSessions<Subject>(times, () => clock.now());
  const clients: Clients = { ...options, sessions, running: new Map(), signal };
  await stopClients(host, signal);
  const { front } = await host.capabilities(signal);
  const ownership = { mode: 0o660, uid: 0, gid: front.gid };
  await host.listenUnix(`${host.root}/run/panel.sock`, ownership, async (line) => await answer(line, clients), signal);
  void keepSweeping(clients).catch((err: unknown) => {
    if (!signal.aborted) log.error({ err }, 'sessions of database clients are not ended any longer');
  });
  return { invite: async (database, seat) => await invite(database, seat, clients) };
}

/** Where browsers come, where an administrator has turned the client on. */
function placeOf({
  cache,
  hostName,
  httpsPort,
}: Clients): { readonly hostname: string; readonly port: number } | undefined {
  const { spec, status } = cache.get(hostKind, { name: hostName }) ?? {};
  const hostname = status?.panel?.hostname;
  if (spec?.panel?.databaseClient !== 'Adminer' || hostname === undefined) return undefined;
  return { hostname, port: spec.panel.port ?? httpsPort };
}

async function invite(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  seat: DatabaseSeat,
  clients: Clients,
): Promise<WayIn> {
  const { host, hostName, sessions, signal } = clients;
  const place = placeOf(clients);
  if (place === undefined) throw new ApiError(404, 'NotFound', `Host ${hostName} has no web client for databases.`);
  if (!(await host.capabilities(signal)).adminer)
    throw new ApiError(404, 'NotFound', `Adminer is not installed on host ${hostName}.`);
  if (sessions.count((subject) => subject.namespace === namespace) >= perTenant) {
    const message = `Tenant ${namespace} has ${perTenant} sessions or ways in, which is all that it may; log out of one, or wait.`;
    throw new ApiError(429, 'TooManyRequests', message, { retryAfterSeconds: 60 });
  }
  const { user, identity } = required(seat.as, 'a DatabaseUser');
  const { token, expiresAtMs } = sessions.grant({ namespace, name, user, identity });
  const { hostname, port } = place;
  const origin = `https://${hostname}${port === 443 ? '' : `:${port}`}`;
  return { url: `${origin}/databases/enter#${token}`, expiresAt: rfc3339(expiresAtMs) };
}

async function answer(line: string, clients: Clients): Promise<string> {
  const [verb, secret = '', former = ''] = line.split(' ');
  try {
    if (verb === 'redeem') return await redeem(secret, former, clients);
    if (verb === 'enter') return await enter(secret, clients);
    if (verb === 'leave') {
      await end(clients.sessions.leave(secret), clients);
      return 'ok';
    }
    return 'error unknown';
  } catch (err) {
    // A line holds what somebody gets in by.
    clients.log.warn({ err }, 'the web front asked for a database client in vain');
    return 'error failed';
  }
}

async function redeem(token: string, former: string, clients: Clients): Promise<string> {
  const cookie = clients.sessions.redeem(token);
  if (cookie === undefined) return 'error refused';
  await end(clients.sessions.leave(former), clients);
  return `ok ${cookie}`;
}

async function enter(cookie: string, clients: Clients): Promise<string> {
  const session = clients.sessions.enter(cookie);
  if (session === undefined) return 'error over';
  const seat = seatOf(session.subject, clients);
  if (seat === undefined) {
    await end(clients.sessions.leave(cookie), clients);
    return 'error over';
  }
  return `ok ${await socketFor(session, seat, clients)}`;
}

/** Where the same login still is, and may log in. */
function seatOf({ namespace, name, user, identity }: Subject, clients: Clients): DatabaseSeat | undefined {
  if (placeOf(clients) === undefined) return undefined;
  const seat = clients.seatOf(namespace, name, user);
  const isGood = seat?.refusal === undefined && seat?.as?.identity === identity;
  return isGood ? seat : undefined;
}

/** Each request in its turn: the first one starts what the others find. */
async function socketFor(session: ClientSession<Subject>, seat: DatabaseSeat, clients: Clients): Promise<string> {
  const { running } = clients;
  const before = running.get(session.id) ?? Promise.resolve(undefined);
  const now = before.then(async (found) => await bringUp(session, found, { seat, clients }));
  running.set(
    session.id,
    now.catch(() => undefined),
  );
  return (await now).socket;
}

/** Starts a client where none runs, or none any longer; where the login has another password by now, anew. */
async function bringUp(
  { id, subject }: ClientSession<Subject>,
  found: Running | undefined,
  { seat, clients }: { readonly seat: DatabaseSeat; readonly clients: Clients },
): Promise<Running> {
  const { host, signal } = clients;
  const { passwordId } = required(seat.as, 'a DatabaseUser');
  if (found?.passwordId === passwordId && (await host.accepts(found.socket, signal))) return found;
  if (found !== undefined) await stopClient(id, host, signal);
  try {
    return { passwordId, socket: await startFor(id, subject, { seat, clients }) };
  } catch (err) {
    await stopClient(id, host, signal);
    throw err;
  }
}

async function startFor(
  id: string,
  { name }: Subject,
  { seat, clients }: { readonly seat: DatabaseSeat; readonly clients: Clients },
): Promise<string> {
  const { host, signal } = clients;
  const phpVersion = required((await host.capabilities(signal)).phpVersions.at(-1), 'PHP');
  const client = {
    ...{ tenant: seat.tenant, uid: seat.uid, slice: seat.slice, engine: seat.engine },
    socket: await seat.way(),
    login: await required(seat.as, 'a DatabaseUser').read(),
  };
  return await startClient({ id, root: host.root, phpVersion, seat: client, name }, host, signal);
}

async function end(session: ClientSession<Subject> | undefined, clients: Clients): Promise<void> {
  const client = session && clients.running.get(session.id);
  if (session === undefined || client === undefined) return;
  clients.running.delete(session.id);
  await client;
  await stopClient(session.id, clients.host, clients.signal);
}

/** Ends what nobody uses any longer, and what may not be any longer, though nobody asks. */
async function keepSweeping(clients: Clients): Promise<void> {
  const { clock, sessions, signal, log } = clients;
  while (!signal.aborted) {
    await clock.sleep(sweepMs, signal);
    for (const session of sessions.sweep((subject) => seatOf(subject, clients) !== undefined))
      await end(session, clients).catch((err: unknown) => log.warn({ err }, 'a database client could not be ended'));
  }
}
