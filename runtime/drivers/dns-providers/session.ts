import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Clock } from '#runtime/base/clock.ts';
import { HostError, PostponedError, RefusedError } from '#runtime/base/errors.ts';
import { exchange, retryAfterMsOf, type OutboundAnswer } from '#runtime/outbound/exchange.ts';
import { createPace, type Pace } from './pace.ts';
import type { ApiFailure, ProviderApi } from './api.ts';
import type { Provider, SecretValues } from './provider.ts';

export interface SessionOptions {
  readonly clock: Clock;
  /** In place of the providers' own, by their id. */
  readonly endpoints: Readonly<Partial<Record<string, string>>>;
}

export interface Account {
  readonly provider: Provider;
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly values: SecretValues;
}

/** Opens what an account speaks to its provider through; accounts are told apart by their Secret, and keep their pace. */
export type OpenApi = (account: Account, signal: AbortSignal) => ProviderApi;

const timeoutMs = 30_000;
const longestAnswer = 16 * 1024 * 1024;
/** Where a provider says that it is too much, and not for how long. */
const unsaidHoldMs = 60_000;

export function createSessions({ clock, endpoints }: SessionOptions): OpenApi {
  const agents = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) };
  const paces = new Map<string, Pace>();
  const paceOf = ({ provider, secret }: Account): Pace => {
    const id = `${provider.id} ${secret.namespace}/${secret.name}`;
    const known = paces.get(id) ?? createPace({ name: provider.name, ...provider.pace, clock });
    paces.set(id, known);
    return known;
  };
  return (account, signal) => ({
    pause: async (ms) => await clock.sleep(ms, signal),
    ask: async (method, path, content) => {
      const { provider, values } = account;
      const pace = paceOf(account);
      const url = new URL(`${endpoints[provider.id] ?? provider.endpoint}${path}`);
      await pace.turn(signal);
      const request = { url, method, ...(content === undefined ? {} : { body: content.text }) };
      const headers = {
        'user-agent': 'wcp360',
        ...(content === undefined ? {} : { 'content-type': content.type }),
        ...(await provider.sign(request, values)),
      };
      // What is read may be read twice.
      const isRepeatable = method === 'GET';
      const agent = agents[url.protocol as keyof typeof agents];
      const answer = await exchange(
        { ...request, headers, isRepeatable },
        { agent, timeoutMs, maxBytes: longestAnswer },
        signal,
      );
      if (answer.status >= 200 && answer.status < 300) return answer.body;
      return unsuccessful(answer, { account, pace, nowMs: clock.now() });
    },
  });
}

interface Failing {
  readonly account: Account;
  readonly pace: Pace;
  readonly nowMs: number;
}

function unsuccessful(answer: OutboundAnswer, { account, pace, nowMs }: Failing): undefined {
  const { name } = account.provider;
  const { kind, message } = account.provider.failureOf(answer) ?? { kind: kindOf(answer.status), message: '' };
  const words = message === '' ? `status ${answer.status}` : withoutSecrets(message, account.values).slice(0, 300);
  switch (kind) {
    case 'missing':
      return undefined;
    case 'limited':
      throw pace.holdFor(holdMsOf(answer.headers, nowMs));
    case 'unauthorized':
      throw new PostponedError('TokenRefused', tokenRefused(account, words));
    case 'stale':
      throw new PostponedError(
        'StaleLook',
        `Something changed at ${name} since it was looked at (${words}); it is looked at again`,
      );
    case 'refused':
      throw new RefusedError('RecordRefused', `${name} refuses: ${words}.`);
    case 'busy':
      throw new HostError(`${name} does not do it now: ${words}`);
  }
}

/** Some repeat what they were sent, to say what they would have signed. */
function withoutSecrets(words: string, values: SecretValues): string {
  return Object.values(values)
    .filter((value) => value !== '')
    .reduce((text, value) => text.replaceAll(value, '(secret)'), words);
}

function tokenRefused({ provider, secret }: Account, words: string): string {
  const what = provider.secretKeys.join(' and ');
  return `${provider.name} does not accept ${what} of Secret ${secret.name} (${words}): put one there that may read and change the zone`;
}

function kindOf(status: number): ApiFailure['kind'] {
  if (status === 429) return 'limited';
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 404) return 'missing';
  return status === 409 ? 'stale' : status >= 500 || status === 423 ? 'busy' : 'refused';
}

/** Retry-After counts; else when the account's share is renewed, as seconds since the epoch. */
function holdMsOf(headers: OutboundAnswer['headers'], nowMs: number): number {
  const after = retryAfterMsOf(headers['retry-after'], nowMs);
  const reset = Number(headers['ratelimit-reset'] ?? 'unsaid') * 1_000 - nowMs;
  return after ?? (reset > 0 ? reset : unsaidHoldMs);
}
