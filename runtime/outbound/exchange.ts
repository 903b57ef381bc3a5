import { request as overHttp, type Agent } from 'node:http';
import { request as overHttps } from 'node:https';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { HostError, Wcp360Error } from '#runtime/base/errors.ts';
import { refuseUpgrade } from '#runtime/base/refuse-upgrade.ts';

/** One request to a service that others run. */
export interface OutboundRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body?: string | undefined;
  /** It may come to be carried out twice. */
  readonly isRepeatable: boolean;
}

export interface OutboundBounds {
  /** Keeps the connections. */
  readonly agent: Agent;
  readonly timeoutMs: number;
  /** Of the answer. */
  readonly maxBytes: number;
  /** Resolves the name, and may refuse what it finds. */
  readonly lookup?: RequestOptions['lookup'];
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** Asks once and follows no redirect. HostError, which names the host and nothing of the request, when there is no whole answer in time. */
export async function exchange(
  request: OutboundRequest,
  { agent, timeoutMs, maxBytes, lookup }: OutboundBounds,
  signal: AbortSignal,
): Promise<OutboundAnswer> {
  const { url, method, headers, body } = request;
  const settings: RequestOptions = {
    agent,
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    ...(lookup === undefined ? {} : { lookup }),
  };
  try {
    return await send(request, settings, maxBytes);
  } catch (err) {
    signal.throwIfAborted();
    if (err instanceof Wcp360Error) throw err;
    throw new HostError(`${url.host} cannot be reached: ${reasonOf(err, timeoutMs)}`, {}, { cause: err });
  }
}

/** A connection that was closed while nobody used it is found to be closed only now: the request goes once more, over another one. */
async function send(request: OutboundRequest, settings: RequestOptions, maxBytes: number): Promise<OutboundAnswer> {
  const { url, body, isRepeatable } = request;
  const open = url.protocol === 'https:' ? overHttps : overHttp;
  return await new Promise((resolve, reject) => {
    const sent = open(url, settings, (response) => void readAnswer(response, maxBytes).then(resolve, reject));
    sent.once('error', (err: NodeJS.ErrnoException) => {
      if (isRepeatable && sent.reusedSocket && err.code === 'ECONNRESET') resolve(send(request, settings, maxBytes));
      else reject(err);
    });
    refuseUpgrade(sent, reject);
    sent.end(body);
  });
}

async function readAnswer(response: IncomingMessage, maxBytes: number): Promise<OutboundAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new HostError(`the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers as OutboundAnswer['headers'],
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function reasonOf(err: unknown, timeoutMs: number): string {
  if (err instanceof Error && err.name === 'TimeoutError') return `no answer within ${timeoutMs / 1_000} s`;
  return err instanceof Error ? err.message : 'unknown';
}

/** Retry-After in seconds or as a date (RFC 9110 §10.2.3), as ms from now. */
export function retryAfterMsOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/u.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
