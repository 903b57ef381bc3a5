import {
  ServerResponse,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HostError } from '#runtime/base/errors.ts';

/** A request that is passed on: of HTTP/1.1 or HTTP/2. */
export interface RelayedRequest {
  readonly method: string;
  /** As the next server is to read it. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /** Aborts when the client has left, or when nobody is to be served any longer. */
  readonly signal: AbortSignal;
}

/** What the next server said: an answer whose body is still to come, or the raw connection after it agreed to leave HTTP. */
export type Reply =
  | { readonly kind: 'answer'; readonly message: IncomingMessage }
  | { readonly kind: 'upgrade'; readonly message: IncomingMessage; readonly socket: Duplex; readonly head: Buffer };

/** `node:http`'s or `node:https`' `request`, or one over a connection of another kind. */
export type SendRequest = (options: RequestOptions) => ClientRequest;

export interface Upstream {
  readonly send: SendRequest;
  /** Where to and how. Its headers win over those of the request. */
  readonly options: Omit<RequestOptions, 'headers'> & { readonly headers?: OutgoingHttpHeaders };
  /** Until the head of the answer is there. */
  readonly timeoutMs: number;
}

/** Of one connection only (RFC 9110, section 7.6.1), or of HTTP/2's own making. */
const hopHeaders = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Passes a request on and resolves with the head of the reply; the body of the request follows by itself, no faster than it is taken.
 * Errors: HostError when nobody answers; the signal's reason when it aborted.
 */
export function passOn(request: RelayedRequest, upstream: Upstream): Promise<Reply> {
  const { signal } = request;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const outgoing = upstream.send({
      ...upstream.options,
      method: request.method,
      path: request.url,
      headers: { ...endToEnd(request.headers), ...upgradeOf(request.headers), ...upstream.options.headers },
      agent: false,
      signal,
    });
    const timer = setTimeout(() => outgoing.destroy(new Error('no answer in time')), upstream.timeoutMs);
    const settle = (reply: Reply): void => {
      clearTimeout(timer);
      resolve(reply);
    };
    outgoing.on('response', (message) => settle({ kind: 'answer', message }));
    outgoing.on('upgrade', (message, socket, head) => settle({ kind: 'upgrade', message, socket, head }));
    outgoing.on('error', (err) => {
      clearTimeout(timer);
      reject(signal.aborted ? (signal.reason as Error) : new HostError(err.message, {}, { cause: err }));
    });
    pipeline(request.body, outgoing).catch(() => undefined);
  });
}

/** Headers that are meant for whoever answers in the end. */
export function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(':') && !hopHeaders.has(name)) kept[name] = value;
  }
  return kept;
}

/** Whether a client asks to leave HTTP for something else. */
export function asksForUpgrade({ connection = '', upgrade }: IncomingHttpHeaders): boolean {
  return upgrade !== undefined && /(?:^|,)\s*upgrade\s*(?:,|$)/iu.test(connection);
}

function upgradeOf(headers: IncomingHttpHeaders): Record<string, string> {
  return asksForUpgrade(headers) ? { connection: 'Upgrade', upgrade: headers.upgrade ?? '' } : {};
}

/** Who is answered: the response, and for a request that asks to leave HTTP the connection beneath it. */
export interface Downstream {
  readonly response: ServerResponse;
  readonly upgrade?: UpgradeSocket | undefined;
  /** Beside those of the reply. */
  readonly headers?: OutgoingHttpHeaders;
}

/** A connection that a client wants to use for something else than HTTP, and what came on it already. */
export interface UpgradeSocket {
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Hands a reply to the client, no faster than it is taken; resolves when all is over. Never rejects: who is cut off sees the connection end. */
export async function deliver(reply: Reply, downstream: Downstream, signal: AbortSignal): Promise<void> {
  const { response, upgrade, headers } = downstream;
  if (reply.kind === 'answer') {
    const { message } = reply;
    response.writeHead(message.statusCode ?? 502, { ...endToEnd(message.headers), ...headers });
    await pipeline(message, response, { signal }).catch(() => void response.destroy());
    return;
  }
  if (upgrade === undefined) {
    reply.socket.destroy();
    response.destroy();
    return;
  }
  response.detachSocket(upgrade.socket as Socket);
  upgrade.socket.write(upgradeHead(reply.message), 'latin1');
  if (reply.head.length > 0) upgrade.socket.write(reply.head);
  if (upgrade.head.length > 0) reply.socket.write(upgrade.head);
  await join(upgrade.socket, reply.socket, signal);
}

function upgradeHead({ rawHeaders }: IncomingMessage): string {
  const lines = ['HTTP/1.1 101 Switching Protocols'];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    lines.push(`${rawHeaders[at] ?? ''}: ${rawHeaders[at + 1] ?? ''}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/**
 * A response for a request that came with an upgrade: what says no to it is plain HTTP, after which the connection ends. Without one the connection has ended:
 * the client did not wait for the answer to an earlier request, and nobody could tell the two apart.
 */
export function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse | undefined {
  socket.on('error', () => socket.destroy());
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  try {
    response.assignSocket(socket as Socket);
  } catch {
    // It has the response of the earlier request still, which ends with it.
    socket.destroy();
    return undefined;
  }
  response.on('finish', () => {
    response.detachSocket(socket as Socket);
    socket.end();
  });
  return response;
}

/** Joins two raw connections until either ends; neither is left open then. What one does not take, the other does not send. Never rejects. */
export async function join(one: Duplex, other: Duplex, signal: AbortSignal): Promise<void> {
  const ways = [pipeline(one, other, { signal }), pipeline(other, one, { signal })];
  await Promise.race(ways.map((way) => way.catch(() => undefined)));
  one.destroy();
  other.destroy();
}
