import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { ApiError, HostError, Wcp360Error } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { asksForUpgrade, deliver, passOn, responseOn, type UpgradeSocket } from '#runtime/relay/relay.ts';
import { parseStreamPath, STREAMS, type StreamTarget } from '#schemas/meta/streams.ts';
import { answerJson, answerStatus } from '#runtime/streams/answers.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { discoveryAnswer } from './discovery.ts';
import { remoteUserOf, withoutIdentity, type FrontProxyTrust } from './front-proxy.ts';
import { requireRight } from './review.ts';
import type { Tunnels } from './tunnels.ts';

/** What the gateway shows of itself, PEM, and by what it knows the front proxy. Either changes from time to time. */
export interface GatewayIdentity {
  readonly tls: { readonly cert: string; readonly key: string };
  readonly trust: FrontProxyTrust;
}

export interface Gateway {
  /** Has connections that come from now on see the identity as it is now. */
  renew(): void;
}

export interface GatewayOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** As it is now. */
  readonly identity: () => GatewayIdentity;
  /** May create SubjectAccessReviews. */
  readonly client: Client;
  /** The host that a Domain or Database is bound to; empty when to none yet, undefined when there is no such object. */
  readonly hostOf: (target: StreamTarget) => string | undefined;
  readonly tunnels: Tunnels;
  readonly log: Logger;
}

/** One request on its way through the gateway. */
interface Passage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upgrade?: UpgradeSocket;
  /** Aborts when the client has left, or the gateway stops. */
  readonly signal: AbortSignal;
}

const answerTimeoutMs = 30_000;
/** An agent that is not attached here may be on its way, be it that it or this replica has just begun: so long is longer than it takes to find all replicas. */
const attachmentMs = 10_000;

/**
 * Serves the API of streams until the signal aborts; resolves when it listens. Who asks is whom the front proxy names, and nobody else may connect;
 * whether they may is asked of the API server each time. Then the request goes to the agent of the Domain's host, as it is.
 */
export async function startGateway(options: GatewayOptions, signal: AbortSignal): Promise<Gateway> {
  const { identity, listen } = options;
  const server = createServer({ ...contextOf(identity()), requestCert: true, rejectUnauthorized: true });
  // Streams take as long as they take.
  server.requestTimeout = 0;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void serve(options, { request, response, signal: leavingOf(response, signal) });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const response = responseOn(request, socket);
    if (response === undefined) return;
    void serve(options, { request, response, upgrade: { socket, head }, signal: leavingOf(response, signal) });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(listen.port, listen.host, resolve);
  });
  signal.addEventListener('abort', () => {
    server.close();
    server.closeAllConnections();
  });
  return { renew: () => server.setSecureContext(contextOf(identity())) };
}

/** All of it each time: a context that is replaced keeps nothing of the one before. */
function contextOf({ tls, trust }: GatewayIdentity): SecureContextOptions {
  return { ...tls, ca: trust.ca, minVersion: 'TLSv1.2' };
}

function leavingOf(response: ServerResponse, stopping: AbortSignal): AbortSignal {
  const left = new AbortController();
  response.on('close', () => left.abort(new HostError('the client has left')));
  return AbortSignal.any([left.signal, stopping]);
}

/** Never rejects. */
async function serve(options: GatewayOptions, passage: Passage): Promise<void> {
  try {
    await route(options, passage);
  } catch (err) {
    if (passage.signal.aborted) passage.response.destroy();
    else answerStatus(passage.response, failureOf(options, err));
  }
}

function failureOf({ log }: GatewayOptions, err: unknown): ApiError {
  if (err instanceof ApiError) return err;
  log.warn({ err }, 'stream failed');
  const message = err instanceof Wcp360Error ? err.message : 'Internal error occurred';
  return new ApiError(503, 'ServiceUnavailable', message, { retryAfterSeconds: 1 });
}

async function route(options: GatewayOptions, passage: Passage): Promise<void> {
  const { request, response, upgrade, signal } = passage;
  const user = userOf(options, request);
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const discovery = discoveryAnswer(path);
  if (discovery !== undefined) {
    answerJson(response, 200, discovery);
    return;
  }
  const target = parseStreamPath(path);
  if (target === undefined) throw new ApiError(404, 'NotFound', 'the server could not find the requested resource');
  await requireRight(options.client, user, { target, signal });
  if (target.subresource !== 'attach') await toAgent(options, passage, target);
  else if (upgrade !== undefined && isTunnel(request)) attach(options, passage, target.name);
  else throw new ApiError(400, 'BadRequest', `an agent asks for an upgrade to ${STREAMS.tunnelProtocol}`);
}

/** ApiError 401 for whoever is not the front proxy, though its CA may have signed more than one certificate. */
function userOf({ identity }: GatewayOptions, request: IncomingMessage) {
  const { trust } = identity();
  const socket = request.socket as TLSSocket;
  const { CN: name } = socket.getPeerCertificate().subject ?? {};
  const isProxy =
    socket.authorized && (trust.names.length === 0 || (typeof name === 'string' && trust.names.includes(name)));
  const user = isProxy ? remoteUserOf(trust, request.rawHeaders) : undefined;
  if (user === undefined) throw new ApiError(401, 'Unauthorized', 'Unauthorized');
  return user;
}

function isTunnel({ headers, method }: IncomingMessage): boolean {
  return method === 'POST' && asksForUpgrade(headers) && headers.upgrade === STREAMS.tunnelProtocol;
}

function attach({ tunnels }: GatewayOptions, { response, upgrade }: Passage, host: string): void {
  if (upgrade === undefined) return;
  response.detachSocket(upgrade.socket as TLSSocket);
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    `Upgrade: ${STREAMS.tunnelProtocol}`,
    '',
    '',
  ];
  // HTTP/2 takes the connection over beneath Node's streams, so nothing of ours may be on its way any longer.
  upgrade.socket.write(lines.join('\r\n'), () => tunnels.attach(host, upgrade));
}

async function toAgent(options: GatewayOptions, passage: Passage, target: StreamTarget): Promise<void> {
  const { request, signal } = passage;
  const { resource, name } = target;
  const host = options.hostOf(target);
  if (host === undefined) {
    const details = { name, group: STREAMS.group, kind: resource };
    throw new ApiError(404, 'NotFound', `${resource}.${STREAMS.group} "${name}" not found`, details);
  }
  const patience = AbortSignal.any([signal, AbortSignal.timeout(host === '' ? 0 : attachmentMs)]);
  const send = await options.tunnels.sender(host, patience);
  if (send === undefined)
    throw new ApiError(503, 'ServiceUnavailable', whyAway(host, target), { retryAfterSeconds: 2 });
  const { method = 'GET', url = '/' } = request;
  const relayed = { method, url, headers: withoutIdentity(request.headers), body: request, signal };
  const reply = await passOn(relayed, { send, options: {}, timeoutMs: answerTimeoutMs });
  await deliver(reply, passage, signal);
}

function whyAway(host: string, { resource, name }: StreamTarget): string {
  return host === ''
    ? `${resource === 'databases' ? 'Database' : 'Domain'} ${name} is not placed on a host yet.`
    : `The agent of host ${host} is not connected at this moment.`;
}
