import { lookup as systemLookup } from 'node:dns';
import { Agent, type RequestOptions } from 'node:https';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { parseAddress, type Network } from '#runtime/base/networks.ts';
import { isOpenAddress } from '#runtime/base/public-addresses.ts';
import { AcmeProblem, HostError } from '#runtime/base/errors.ts';
import { exchange, retryAfterMsOf, type OutboundAnswer } from '#runtime/outbound/exchange.ts';
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
  /** What is under way is answered; from then on no connection is kept for longer. */
  close(): void;
}

const timeoutMs = 30_000;
const longestAnswer = 1024 * 1024;

const contexts = new Map<string, SecureContext>();
/** Of the many accounts that there may be most are at the same few CAs. */
const mostContexts = 16;

/** One context for all connections that trust the same: an agent that is given PEM puts all of it into its key for each request, and reading the usual roots takes megabytes. */
function contextOf(authorities: string): SecureContext {
  const known = contexts.get(authorities);
  if (known !== undefined) return known;
  const context = createSecureContext({ ca: [...rootCertificates, authorities] });
  const [oldest] = contexts.keys();
  if (contexts.size >= mostContexts && oldest !== undefined) contexts.delete(oldest);
  contexts.set(authorities, context);
  return context;
}

/** Requests to one CA over connections that are kept. Redirects are not followed: ACME has none. */
export function createTransport(options: TransportOptions): Transport {
  const { authorities } = options;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 16,
    ...(authorities === undefined ? {} : { secureContext: contextOf(authorities) }),
  });
  options.signal.addEventListener('abort', () => agent.destroy(), { once: true });
  let underWay = 0;
  let isClosed = false;
  const endIdle = (): void => {
    if (isClosed && underWay === 0) agent.destroy();
  };
  const answerTo = async (url: string, method: string, body: unknown): Promise<OutboundAnswer> => {
    underWay += 1;
    try {
      return await ask(url, { agent, method, body, options });
    } finally {
      underWay -= 1;
      endIdle();
    }
  };
  return {
    request: async (url, method, body) => {
      const { status, headers, body: text } = await answerTo(url, method, body);
      const data = isJson(headers) ? parsed(text) : text;
      const answer = { status, headers, data };
      if (status < 400) return answer;
      const saying = sayingOf(data);
      if (status === 400 && saying.type === 'badNonce') return answer;
      const message = saying.message === '' ? `${hostOf(url)} answered ${status}` : saying.message;
      throw new AcmeProblem(saying.type, message, {
        names: saying.names,
        retryAfterMs: retryAfterMsOf(headers['retry-after'], Date.now()),
      });
    },
    close: () => {
      isClosed = true;
      endIdle();
    },
  };
}

interface Exchange {
  readonly agent: Agent;
  readonly method: string;
  readonly body: unknown;
  readonly options: TransportOptions;
}

async function ask(url: string, { agent, method, body, options }: Exchange): Promise<OutboundAnswer> {
  const target = targetOf(url);
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    'user-agent': options.userAgent,
    ...(payload === undefined ? {} : { 'content-type': 'application/jose+json' }),
  };
  const bounds = { agent, timeoutMs, maxBytes: longestAnswer, ...guardOf(target, options.networks) };
  try {
    // Should the CA have carried it out all the same, its nonce is used, and it is not carried out twice (RFC 8555 §6.5).
    return await exchange(
      { url: target, method: method.toUpperCase(), headers, body: payload, isRepeatable: true },
      bounds,
      options.signal,
    );
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    throw new AcmeProblem('connection', err.message, { cause: err });
  }
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

function isJson(headers: TransportAnswer['headers']): boolean {
  return /^application\/(?:problem\+)?json/u.test(headers['content-type'] ?? '');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (err) {
    throw new AcmeProblem('malformedAnswer', 'the CA answered with something that is no JSON', { cause: err });
  }
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'the CA';
}
