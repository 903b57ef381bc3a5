import { once } from 'node:events';
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { statusError } from '#runtime/client/status-error.ts';
import { connectionOver, keepAlive, tunnelSettings } from '#runtime/streams/tunnel.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { STREAMS, streamPath } from '#schemas/meta/streams.ts';
import type { ReplicaWords } from './replicas.ts';

export interface AttachOptions {
  readonly client: Client;
  readonly hostName: string;
  /** Takes a connection on which requests come, and tells the session that it came by. */
  readonly serve: (connection: Duplex, session: ServerHttp2Session) => void;
  /** What replicas of the gateway say of each other. */
  readonly replicas: ReplicaWords;
  readonly clock: Clock;
  readonly log: Logger;
}

const patience: Backoff = { firstMs: 200, maxMs: 5_000, factor: 2, jitterRatio: 0.3 };
const dialTimeoutMs = 20_000;
const introductionMs = 10_000;

/**
 * Keeps a tunnel to each replica of the gateway until the signal aborts. Which one a dial ends at is the balancer's choice, so it dials until all are
 * covered that the others speak of, each time after a longer wait. Never rejects.
 */
export async function keepAttached(options: AttachOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, replicas } = options;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      if (await attachOnce(options, signal)) attempt = 0;
    } catch (err) {
      if (signal.aborted) return;
      log.info({ err, attempt }, 'the gateway for streams was not reached');
    }
    if (replicas.missing()) await clock.sleep(backoffMs(patience, Math.max(1, attempt)), signal).catch(() => undefined);
    else if (await replicas.untilMissing(signal)) attempt = 0;
  }
}

/** Whether it is a replica that was missing. */
async function attachOnce({ serve, replicas, ...options }: AttachOptions, signal: AbortSignal): Promise<boolean> {
  const socket = await dial(options, signal);
  const session = performServerHandshake(socket, { settings: tunnelSettings });
  session.on('error', () => undefined);
  const stop = (): void => session.destroy();
  signal.addEventListener('abort', stop);
  session.once('close', () => signal.removeEventListener('abort', stop));
  keepAlive(session);
  session.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    if (headers[':method'] === 'CONNECT') {
      stream.respond({ ':status': 200 });
      serve(connectionOver(stream), session);
    } else stream.respond({ ':status': 405 }, { endStream: true });
  });
  const isNew = await replicas.introduction(session, AbortSignal.any([signal, AbortSignal.timeout(introductionMs)]));
  if (!isNew) session.close();
  return isNew;
}

/** Asks the API server for a connection to whichever replica it reaches. ApiError when that says no. */
async function dial(
  { client, hostName }: Pick<AttachOptions, 'client' | 'hostName'>,
  signal: AbortSignal,
): Promise<Duplex> {
  const path = streamPath({ resource: 'hosts', subresource: 'attach', namespace: '', name: hostName });
  const { headers, ...wire } = await client.requestOptions(path);
  const outgoing = httpsRequest({
    ...wire,
    method: 'POST',
    headers: { ...(headers as OutgoingHttpHeaders), connection: 'Upgrade', upgrade: STREAMS.tunnelProtocol },
    signal: AbortSignal.any([signal, AbortSignal.timeout(dialTimeoutMs)]),
  }).end();
  const answered = once(outgoing, 'response').then(async ([message]) => {
    const { statusCode = 0 } = message as IncomingMessage;
    throw statusError(statusCode, await text(message as IncomingMessage));
  });
  const upgraded = once(outgoing, 'upgrade').then(([, socket, head]) => {
    (socket as Duplex).unshift(head as Buffer);
    return socket as Duplex;
  });
  answered.catch(() => undefined);
  try {
    return await Promise.race([upgraded, answered]);
  } catch (err) {
    upgraded.catch(() => undefined);
    throw err instanceof Error && 'code' in err && err.code === 'ABORT_ERR' ? new HostError('no answer in time') : err;
  }
}
