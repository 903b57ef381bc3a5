import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { HostError, InvalidError } from '#runtime/base/errors.ts';
import { refuseUpgrade } from '#runtime/base/refuse-upgrade.ts';
import type { Credentials, TlsMaterial } from './credentials.ts';

/** A list is sent as repeated lines. */
export type WireHeaders = Readonly<Record<string, string | readonly string[]>>;

/** One exchange on the wire. `path` is complete, with its query. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: WireHeaders;
  readonly body?: string | Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Until the answer is complete; for streams, the longest silence, 0 for any. */
  readonly timeoutMs: number;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export interface WireStream {
  readonly status: number;
  readonly headers: WireAnswer['headers'];
  readonly body: IncomingMessage;
}

/**
 * HTTP/1.1 to one server, over kept connections (measured against HTTP/2 with one session on both ends: 51 + 78 µs a request against 65 + 77 at 32 at once,
 * 88 + 132 against 220 + 252 one by one). Streams have connections of their own, so that watches never wait for writes.
 * Errors: HostError when no complete answer came in time; the signal's reason when aborted.
 */
export interface Transport {
  exchange(request: WireRequest): Promise<WireAnswer>;
  /** The answer as soon as its head is there; destroy the body to end it. */
  open(request: WireRequest): Promise<WireStream>;
  /** What a request of a stream is sent with. */
  requestOptions(request: WireRequest): Promise<RequestOptions>;
  close(): void;
}

export interface TransportOptions {
  readonly server: string;
  readonly credentials: Credentials;
  /** Sent with every request. */
  readonly headers: WireHeaders;
  readonly maxConnections: number;
  /** Longest answer in bytes. */
  readonly maxBytes: number;
}

interface Agents {
  readonly tls: TlsMaterial;
  readonly exchanges: HttpAgent;
  readonly streams: HttpAgent;
}

/** A transport to `https://host:port[/prefix]`; plain http is for tests and never carries credentials. */
export function createTransport(options: TransportOptions): Transport {
  const server = parseServer(options.server);
  let agents: Agents | undefined;
  const agentsFor = (tls: TlsMaterial): Agents => {
    if (agents?.tls === tls) return agents;
    const before = agents;
    // Requests in flight keep their sockets; idle ones go.
    for (const idle of Object.values(before?.exchanges.freeSockets ?? {})) idle?.forEach((socket) => socket.destroy());
    agents = server.secure ? secureAgents(tls, options.maxConnections) : plainAgents(tls, options.maxConnections);
    return agents;
  };
  const wireOptions = async (request: WireRequest, stream: boolean): Promise<RequestOptions> => {
    const found = options.credentials.current();
    const credentials = found instanceof Promise ? await found : found;
    const current = agentsFor(credentials.tls);
    const body = request.body;
    const length = body === undefined ? undefined : Buffer.byteLength(body);
    return {
      host: server.host,
      port: server.port,
      method: request.method,
      path: server.prefix + request.path,
      agent: stream ? current.streams : current.exchanges,
      headers: {
        accept: 'application/json',
        ...options.headers,
        ...(server.secure ? credentials.headers : {}),
        ...request.headers,
        ...(length === undefined ? {} : { 'content-length': length }),
      },
    };
  };
  const send = server.secure ? httpsRequest : httpRequest;
  return {
    exchange: async (request) => {
      request.signal?.throwIfAborted();
      const wire = await wireOptions(request, false);
      return await exchange({ send, wire, request, maxBytes: options.maxBytes });
    },
    open: async (request) => {
      request.signal?.throwIfAborted();
      const wire = await wireOptions(request, true);
      return await open({ send, wire, request, maxBytes: options.maxBytes });
    },
    requestOptions: async (request) => await wireOptions(request, true),
    close: () => {
      agents?.exchanges.destroy();
      agents?.streams.destroy();
    },
  };
}

interface Server {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly prefix: string;
}

function parseServer(text: string): Server {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new InvalidError(`${JSON.stringify(text)} is not the URL of a server`, [
      { field: 'server', reason: 'FieldValueInvalid', message: 'must be an https URL' },
    ]);
  }
  const secure = url.protocol === 'https:';
  return {
    secure,
    // Node wants IPv6 addresses without their brackets.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    prefix: url.pathname.replace(/\/+$/, ''),
  };
}

// A peer that vanishes without a word is noticed after 15 s plus ten probes a second apart.
const probeAfterMs = 15_000;
const tcp = { keepAliveMsecs: probeAfterMs, noDelay: true } as const;

function secureAgents(tls: TlsMaterial, maxConnections: number): Agents {
  const secure = {
    // One context for all connections: an agent that is given PEM puts all of it into its key for each request.
    secureContext: createSecureContext({ ca: tls.ca, cert: tls.cert, key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    rejectUnauthorized: tls.skipVerify !== true,
  };
  return {
    tls,
    exchanges: new HttpsAgent({ ...secure, ...tcp, keepAlive: true, maxSockets: maxConnections, scheduling: 'lifo' }),
    streams: probing(new HttpsAgent({ ...secure, ...tcp, keepAlive: false })),
  };
}

function plainAgents(tls: TlsMaterial, maxConnections: number): Agents {
  return {
    tls,
    exchanges: new HttpAgent({ ...tcp, keepAlive: true, maxSockets: maxConnections, scheduling: 'lifo' }),
    streams: probing(new HttpAgent({ ...tcp, keepAlive: false })),
  };
}

/** Has all connections of an agent probed: Node does so only for those that are kept for further requests. */
function probing(agent: HttpAgent): HttpAgent {
  const connect = agent.createConnection.bind(agent);
  return Object.assign(agent, {
    createConnection: (...words: Parameters<typeof connect>) => {
      const socket = connect(...words);
      (socket as Socket).setKeepAlive(true, probeAfterMs);
      return socket;
    },
  });
}

interface Exchange {
  readonly send: typeof httpsRequest;
  readonly wire: RequestOptions;
  readonly request: WireRequest;
  readonly maxBytes: number;
}

function exchange(options: Exchange): Promise<WireAnswer> {
  const { request, maxBytes } = options;
  return new Promise((resolve, reject) => {
    const fail = (err: unknown): void => {
      clearTimeout(timer);
      reject(failureOf(request, err));
    };
    const outgoing = options.send(
      request.signal === undefined ? options.wire : { ...options.wire, signal: request.signal },
      (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > maxBytes) answer.destroy(new Error(`the answer is longer than ${maxBytes} bytes`));
        });
        answer.on('error', fail);
        answer.on('end', () => {
          clearTimeout(timer);
          const first = chunks[0];
          const body =
            first === undefined ? '' : (chunks.length === 1 ? first : Buffer.concat(chunks, size)).toString();
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
        });
      },
    );
    const timer = setTimeout(() => outgoing.destroy(new TimeoutMark()), request.timeoutMs);
    outgoing.on('error', fail);
    refuseUpgrade(outgoing, fail);
    outgoing.end(request.body);
  });
}

function open(options: Exchange): Promise<WireStream> {
  const { request } = options;
  return new Promise((resolve, reject) => {
    const outgoing = options.send(options.wire, (answer) => {
      answer.setTimeout(request.timeoutMs, () => answer.destroy(new TimeoutMark()));
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer });
    });
    endWith(outgoing, request.signal);
    outgoing.setTimeout(request.timeoutMs, () => outgoing.destroy(new TimeoutMark()));
    const fail = (err: Error): void => reject(failureOf(request, err));
    outgoing.on('error', fail);
    refuseUpgrade(outgoing, fail);
    outgoing.end(request.body);
  });
}

/** Without an error, unlike Node's own `signal`: after one the TLS session is forgotten, and the next stream pays for a whole handshake. */
function endWith(outgoing: ClientRequest, signal: AbortSignal | undefined): void {
  const end = (): void => void outgoing.destroy();
  if (signal?.aborted === true) end();
  signal?.addEventListener('abort', end, { once: true });
  outgoing.once('close', () => signal?.removeEventListener('abort', end));
}

class TimeoutMark extends Error {}

/** What a transport error means to the caller: the signal's reason, or a HostError with the original as cause. */
export function failureOf(request: WireRequest, err: unknown): unknown {
  if (request.signal?.aborted === true) return request.signal.reason;
  if (err instanceof HostError) return err;
  const path = request.path.split('?', 1)[0] ?? '';
  const why = err instanceof TimeoutMark ? `no answer within ${request.timeoutMs} ms` : messageOf(err);
  return new HostError(`${request.method} ${path}: ${why}`, {}, { cause: err });
}

function messageOf(err: unknown): string {
  if (err instanceof AggregateError && err.errors.length > 0) return err.errors.map(messageOf).join('; ');
  return err instanceof Error ? err.message : String(err);
}
