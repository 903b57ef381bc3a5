import { fastify } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { createSecureServer, Http2ServerResponse, type Http2SecureServer, type SecureServerOptions } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { required } from '#runtime/base/errors.ts';
import { asksForUpgrade, responseOn } from '#runtime/relay/relay.ts';
import { clientCertificateOf } from './client-certificate.ts';
import type { Exchange, RawRequest, RawResponse } from './exchange.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** PEM. `clientCa` signs client certificates; a connection without one is accepted. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string };
  /** Answers one request completely; never rejects. */
  readonly serve: (exchange: Exchange) => Promise<void>;
  /** Whether a request that asks to leave HTTP may; to all others such a wish is as if it was not there. */
  readonly upgrades: (url: string) => boolean;
}

export interface Listener {
  readonly address: AddressInfo;
  /** Takes no new connection, ends idle ones, and resolves when all requests are answered or `graceMs` has passed. */
  close(graceMs: number): Promise<void>;
}

/** A response over HTTP/2 that says when its stream is gone, as those of HTTP/1.1 do, and as its type has it. */
class StreamResponse extends Http2ServerResponse {}
Object.defineProperty(StreamResponse.prototype, 'destroyed', {
  get(this: Http2ServerResponse): boolean {
    return this.stream.destroyed;
  },
});

/** Streams that one HTTP/2 connection may hold open: an informer process multiplexes a watch per kind on one. */
const maxConcurrentStreams = 1_000;
const initialWindowBytes = 1 << 20;
/** As kube-apiserver. Longer than agents are silent between two heartbeats: each would need a handshake else. */
const idleConnectionMs = 90_000;
/** Silence after which a client is asked whether its machine is there still: what does not answer ten times, a second apart, has ended. */
const probeAfterMs = 15_000;

/**
 * HTTP/1.1 and HTTP/2 over TLS on one port (ALPN). Every request goes straight to `serve`: routes are dynamic, bodies are read by the verbs,
 * and the framework's own answers (404, 405, 415) would not be Kubernetes' ones; what it keeps here is the life of connections.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { cert, key, clientCa } = options.tls;
  const https = {
    allowHTTP1: true,
    cert,
    key,
    ca: clientCa,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    keepAlive: true,
    keepAliveInitialDelay: probeAfterMs,
    settings: { maxConcurrentStreams, initialWindowSize: initialWindowBytes },
  } as const;
  const app = fastify({
    http2: true,
    http2SessionTimeout: 0,
    logger: false,
    forceCloseConnections: true,
    https,
    serverFactory: () => createServer(https, options),
  });
  await app.listen({ host: options.host, port: options.port });
  app.server.setTimeout(0);
  const address = required(app.server.address(), 'the address of the listener');
  if (typeof address === 'string') throw new TypeError('the listener has no port');
  return { address, close: (graceMs) => closeWithin(app, graceMs) };
}

function createServer(https: SecureServerOptions, { serve, upgrades }: ListenOptions): Http2SecureServer {
  const responses = { Http2ServerResponse: StreamResponse as typeof Http2ServerResponse };
  const server = createSecureServer({ ...https, ...responses }, (request, response) => {
    void serve(exchangeOf(request, response as unknown as RawResponse));
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const response = responseOn(request, socket) as unknown as RawResponse | undefined;
    if (response !== undefined) void serve({ ...exchangeOf(request, response), upgrade: { socket, head } });
  });
  return Object.assign(server, {
    keepAliveTimeout: idleConnectionMs,
    shouldUpgradeCallback: ({ url = '', headers }: IncomingMessage) => asksForUpgrade(headers) && upgrades(url),
  });
}

function exchangeOf(request: RawRequest, response: RawResponse): Exchange {
  return {
    method: request.method ?? 'GET',
    url: request.url ?? '/',
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    remoteAddress: request.socket.remoteAddress ?? '',
    certificate: clientCertificateOf(request),
    request,
    response,
  };
}

/** Connections that are still busy after the grace are cut. */
async function closeWithin(app: { close(): unknown; readonly server: object }, graceMs: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([Promise.resolve(app.close()), late]);
  clearTimeout(timer);
}
