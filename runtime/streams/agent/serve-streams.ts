import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import { json } from 'node:stream/consumers';
import { ApiError } from '#runtime/base/errors.ts';
import { responseOn } from '#runtime/relay/relay.ts';
import { answerStatus, asApiError } from '#runtime/streams/answers.ts';
import { parseStreamPath, type StreamTarget } from '#schemas/meta/streams.ts';
import { createShares, type Shares } from './shares.ts';
import { serveArchive, serveFiles } from './copy.ts';
import { serveExec } from './exec.ts';
import { serveLog } from './log.ts';
import type { ReplicaWord } from './replicas.ts';
import { serveDatabase } from './database.ts';
import type { DatabaseSeat, StreamCall, StreamRequest, StreamSeat, StreamServerOptions } from './stream-call.ts';

/** The agent's side of streams: answers requests on connections that come by tunnels. */
export interface StreamServer {
  serve(connection: Duplex, session: ServerHttp2Session): void;
  /** Streams that are open. */
  readonly open: () => number;
}

/** What is open at this moment. */
interface OpenStreams {
  readonly shares: Shares;
  /** Copies for another host take nothing from what the tenant's people may open. */
  readonly copies: Shares;
}

/** Of one tenant: several of its Domains are copied at once. */
const tenantCopies = 4;
const sessionOf = new WeakMap<object, ServerHttp2Session>();

export function createStreamServer(options: StreamServerOptions): StreamServer {
  const open: OpenStreams = {
    shares: createShares(options.tenantStreams),
    copies: createShares(tenantCopies),
  };
  const server: Server = createServer();
  server.requestTimeout = 0;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void guarded(options, response, async () => {
      if (request.url === '/replicas') await hearReplica(options, request, response);
      else await serveTarget(options, { request, response, open });
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const response = responseOn(request, socket);
    if (response === undefined) return;
    void guarded(options, response, () => serveTarget(options, { request, response, open, upgrade: { socket, head } }));
  });
  return {
    open: () => open.shares.total() + open.copies.total(),
    serve: (connection, session) => {
      sessionOf.set(connection, session);
      server.emit('connection', connection);
    },
  };
}

/** Answers what went wrong. Never rejects. */
async function guarded(
  { log }: StreamServerOptions,
  response: ServerResponse,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (err) {
    const told = asApiError(err);
    if (told.status === 500) log.warn({ err }, 'stream failed');
    answerStatus(response, told);
  }
}

/** 409: another tunnel leads there already. */
async function hearReplica(
  { replicas }: StreamServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const session = sessionOf.get(request.socket);
  const isKept = session !== undefined && replicas.hear(session, (await json(request)) as ReplicaWord);
  response.writeHead(isKept ? 204 : 409).end();
}

async function serveTarget(
  options: StreamServerOptions,
  { open, ...passage }: StreamRequest & { readonly open: OpenStreams },
): Promise<void> {
  const [path = '', words = ''] = (passage.request.url ?? '').split('?', 2);
  const target = parseStreamPath(path);
  const query = new URLSearchParams(words);
  if (target?.resource === 'databases') {
    const seat = databaseSeatFor(options, target, query.get('user') ?? undefined);
    const serve = async (): Promise<void> => await serveDatabase({ ...options, seat, query }, passage, target);
    return await sharing(open.shares, seat.tenant, serve);
  }
  if (target?.resource !== 'domains') throw new ApiError(404, 'NotFound', 'the agent knows no such stream');
  const seat = seatFor(options, target);
  const serve = async (): Promise<void> => await serverOf(target)({ ...options, seat, query }, passage);
  await sharing(target.subresource === 'proxy' ? open.copies : open.shares, seat.tenant, serve);
}

/** Has one of a tenant's places while it is served. */
async function sharing(shares: Shares, tenant: string, serve: () => Promise<void>): Promise<void> {
  const leave = shares.enter(tenant);
  try {
    await serve();
  } finally {
    leave();
  }
}

function serverOf({
  subresource,
  operation,
}: StreamTarget): (call: StreamCall<StreamSeat>, passage: StreamRequest) => Promise<void> {
  if (subresource === 'log') return serveLog;
  if (subresource === 'exec') return serveExec;
  return operation === 'files' ? serveFiles : serveArchive;
}

function seatFor({ seatOf }: StreamServerOptions, { namespace, name, subresource }: StreamTarget): StreamSeat {
  const seat = seatOf(namespace, name);
  if (seat === undefined) throw new ApiError(404, 'NotFound', `Domain ${name} is not ready on this host.`);
  if (subresource === 'exec' && seat.refusal !== undefined) throw new ApiError(403, 'Forbidden', seat.refusal);
  return seat;
}

function databaseSeatFor(
  { databaseSeatOf }: StreamServerOptions,
  { namespace, name }: StreamTarget,
  user: string | undefined,
): DatabaseSeat {
  const seat = databaseSeatOf(namespace, name, user);
  if (seat === undefined) throw new ApiError(404, 'NotFound', `Database ${name} is not ready on this host.`);
  if (seat.refusal !== undefined) throw new ApiError(403, 'Forbidden', seat.refusal);
  return seat;
}
