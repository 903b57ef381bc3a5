import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isImpersonationHeader } from '#runtime/apiserver/auth/impersonation.ts';
import { frontProxyHeaders, isFrontProxyHeader, type FrontProxy } from '#runtime/apiserver/auth/front-proxy.ts';
import type { Relay } from '#runtime/apiserver/http/answer.ts';
import type { Exchange } from '#runtime/apiserver/http/exchange.ts';
import type { Admitted } from '#runtime/apiserver/http/serve.ts';
import { HostError } from '#runtime/base/errors.ts';
import { deliver, passOn, type Reply } from '#runtime/relay/relay.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import { backendOf, unavailable, type AggregatedSpec } from './api-services.ts';

export interface AggregationOptions {
  readonly cache: WatchCache;
  readonly proxy: FrontProxy | undefined;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

const answerTimeoutMs = 60_000;

/**
 * Passes a request on to the server behind an APIService, as who it is from: the connection is this server's, the user stands in `X-Remote-*`.
 * ApiError 503 when nobody answers.
 */
export async function relayTo(options: AggregationOptions, spec: AggregatedSpec, request: Admitted): Promise<Relay> {
  const { exchange, user } = request;
  const leaving = leavingOf(exchange, options.signal);
  const backend = backendOf(options.cache, spec, options.proxy);
  const reply = await passOn(
    {
      method: exchange.method,
      url: exchange.url,
      headers: withoutCredentials(exchange.headers),
      body: exchange.request,
      signal: leaving,
    },
    {
      send: httpsRequest,
      options: { ...backend, headers: { ...frontProxyHeaders(user), host: backend.servername } },
      timeoutMs: answerTimeoutMs,
    },
  ).catch((err: unknown) => {
    throw err instanceof HostError ? unavailable(err.message, err) : err;
  });
  return relayOf(reply, exchange, leaving);
}

function relayOf(reply: Reply, exchange: Exchange, leaving: AbortSignal): Relay {
  return {
    relayed: reply.message.statusCode ?? 502,
    pipe: async (headers) => {
      // The response of HTTP/2 has the same methods.
      const response = exchange.response as unknown as ServerResponse;
      await deliver(reply, { response, upgrade: exchange.upgrade, headers: headers as OutgoingHttpHeaders }, leaving);
    },
  };
}

/** Aborts when the client has left, or the server stops. */
function leavingOf({ response }: Exchange, stopping: AbortSignal): AbortSignal {
  const left = new AbortController();
  response.on('close', () => left.abort(new HostError('the client has left')));
  return AbortSignal.any([left.signal, stopping]);
}

function withoutCredentials(headers: Exchange['headers']): Exchange['headers'] {
  const kept = Object.entries(headers).filter(
    ([name]) => name !== 'authorization' && !isImpersonationHeader(name) && !isFrontProxyHeader(name),
  );
  return Object.fromEntries(kept);
}
