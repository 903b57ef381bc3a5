import { lookup as systemLookup } from 'node:dns';
import { Agent, request, type RequestOptions } from 'node:https';
import { createSecureContext, rootCertificates } from 'node:tls';
import type { IncomingMessage } from 'node:http';
import { parseAddress, type Network } from '#runtime/base/networks.ts';
import { isOpenAddress } from '#runtime/base/public-addresses.ts';
import { AcmeProblem } from '#runtime/base/errors.ts';
import { sayingOf } from './problem.ts';

/** How a CA is reached. */
export interface TransportOptions {
  /** PEM of the authorities behind its certificate, beside the usual ones. */
  readonly authorities?: string | undefined;
  /** Absent: any address. Else public ones and these networks. */
  readonly networks?: readonly Network[] | undefined;
  readonly userAgent: string;
  /** Ends everything that is under way. */
  readonly signal: AbortSignal;
}

export interface TransportAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parsed when it is JSON, text otherwise. */
  readonly data: unknown;
}

export interface Transport {
  /** AcmeProblem for every answer that is no success, but for a nonce that was not taken: that is tried again with the next one. */
  request(url: string, method: string, body?: unknown): Promise<TransportAnswer>;
  close(): void;
}

const timeoutMs = 30_000;
const longestAnswer = 1024 * 1024;

/** Requests to one CA over connections that are kept. Redirects are not followed: ACME has none. */
export function createTransport(options: TransportOptions): Transport {
  const { authorities } = options;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 16,
    // One context for all connections: an agent that is given PEM puts all of it into its key for each request.
    ...(authorities === undefined
      ? {}
      : { secureContext: createSecureContext({ ca: [...rootCertificates, authorities] }) }),
  });
  return {
    request: async (url, method, body) => {
      const { response, text } = await exchange(url, { agent, method, body, options });
      const data = isJson(response) ? parsed(text) : text;
      const status = response.statusCode ?? 0;
      const answer = { status, headers: response.headers as TransportAnswer['headers'], data };
      if (status < 400) return answer;
      const saying = sayingOf(data);
      if (status === 400 && saying.type === 'badNonce') return answer;
      const message = saying.message === '' ? `${hostOf(url)} answered ${status}` : saying.message;
      throw new AcmeProblem(saying.type, message, {
        names: saying.names,
        retryAfterMs: retryAfterMsOf(response.headers['retry-after'], Date.now()),
      });
    },
    close: () => agent.destroy(),
  };
}

interface Exchange {
  readonly agent: Agent;
  readonly method: string;
  readonly body: unknown;
  readonly options: TransportOptions;
}

async function exchange(url: string, { agent, method, body, options }: Exchange): Promise<Answered> {
  const target = targetOf(url);
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const settings: RequestOptions = {
    agent,
    method: method.toUpperCase(),
    headers: {
      'user-agent': options.userAgent,
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(payload) }),
    },
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)]),
    ...guardOf(target, options.networks),
  };
  try {
    return await send(target, settings, payload);
  } catch (err) {
    options.signal.throwIfAborted();
    if (err instanceof AcmeProblem) throw err;
    throw new AcmeProblem('connection', `${hostOf(url)} cannot be reached: ${reasonOf(err)}`, { cause: err });
  }
}

interface Answered {
  readonly response: IncomingMessage;
  readonly text: string;
}

/**
 * A connection that the CA closed while nobody used it is found to be closed only now: the request goes once more, over another one. Should the CA have
 * carried it out all the same, its nonce is used, and it is not carried out twice (RFC 8555 §6.5).
 */
async function send(target: URL, settings: RequestOptions, payload: string | undefined): Promise<Answered> {
  return await new Promise((resolve, reject) => {
    const sent = request(target, settings, (response) => {
      readAll(response).then((text) => resolve({ response, text }), reject);
    });
    sent.once('error', (err: NodeJS.ErrnoException) => {
      if (sent.reusedSocket && err.code === 'ECONNRESET') resolve(send(target, settings, payload));
      else reject(err);
    });
    sent.end(payload);
  });
}

function targetOf(url: string): URL {
  const target = URL.parse(url);
  if (target?.protocol !== 'https:') throw new AcmeProblem('malformedAnswer', `the CA names a URL that is not https`);
  return target;
}

/** What was resolved is what is connected to, and it is looked at in between. */
function guardOf(target: URL, networks: readonly Network[] | undefined): Pick<RequestOptions, 'lookup'> {
  if (networks === undefined) return {};
  const host = target.hostname.replaceAll(/[[\]]/gu, '');
  if (parseAddress(host) !== undefined && !isOpenAddress(host, networks)) throw forbidden(host, host);
  return {
    lookup: (hostname, settings, callback) =>
      systemLookup(hostname, { ...settings, all: true }, (err, addresses) => {
        const closed = addresses?.find(({ address }) => !isOpenAddress(address, networks));
        if (err !== null) callback(err, [], 0);
        else if (closed !== undefined) callback(forbidden(hostname, closed.address), [], 0);
        else if (settings.all === true) callback(null, addresses);
        else callback(null, addresses[0]?.address ?? '', addresses[0]?.family ?? 0);
      }),
  };
}

function forbidden(host: string, address: string): AcmeProblem {
  return new AcmeProblem('addressNotAllowed', `${host} has the address ${address}, which is not a public one.`);
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > longestAnswer) throw new AcmeProblem('malformedAnswer', 'the answer of the CA is longer than 1 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isJson(response: IncomingMessage): boolean {
  return /^application\/(?:problem\+)?json/u.test(response.headers['content-type'] ?? '');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (err) {
    throw new AcmeProblem('malformedAnswer', 'the CA answered with something that is no JSON', { cause: err });
  }
}

/** Retry-After in seconds or as a date (RFC 9110 §10.2.3), as ms from now. */
export function retryAfterMsOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/u.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'the CA';
}

function reasonOf(err: unknown): string {
  if (err instanceof Error && err.name === 'TimeoutError') return `no answer within ${timeoutMs / 1_000} s`;
  return err instanceof Error ? err.message : 'unknown';
}
