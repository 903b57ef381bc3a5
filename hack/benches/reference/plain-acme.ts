import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { requestForNames } from '#runtime/pki/issue.ts';

/** An ACME client (RFC 8555) that signs and posts: it decides, stores and remembers nothing, and waits for nobody but the CA. */
export interface PlainAcme {
  /** Gets one certificate. */
  issue(dnsName: string): Promise<string>;
  close(): void;
}

export interface PlainAcmeOptions {
  /** URL of the CA's directory. */
  readonly directory: string;
  /** PEM of the authority behind it. */
  readonly ca: string;
  /** Where an answer to a token is put, so that the CA is shown it. */
  readonly challenges: string;
  readonly connections: number;
}

interface Answer {
  readonly location: string;
  readonly body: string;
}

interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
}

interface Order {
  readonly status: string;
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate?: string;
}

interface Authorization {
  readonly challenges: readonly { readonly type: string; readonly url: string; readonly token: string }[];
}

/** Without a pause pebble 2.4 comes to a standstill: it waits for itself when it is asked for an order that it is just changing. */
const pollMs = 10;
const timeoutMs = 30_000;

/** Opens an account of its own. */
export async function openPlainAcme(options: PlainAcmeOptions): Promise<PlainAcme> {
  const poster = createPoster(options);
  const directory = JSON.parse((await poster.get(options.directory)).body) as Directory;
  await poster.open(directory);
  const read = async <T>(url: string): Promise<T> => JSON.parse((await poster.post(url, '')).body) as T;
  const until = async (url: string, status: string): Promise<Order> => {
    for (;;) {
      await delay(pollMs);
      const order = await read<Order>(url);
      if (order.status === status) return order;
      if (order.status === 'invalid') throw new Error(`${url} has failed`);
    }
  };
  return {
    issue: async (dnsName) => {
      const made = await poster.post(directory.newOrder, { identifiers: [{ type: 'dns', value: dnsName }] });
      const { authorizations, finalize } = JSON.parse(made.body) as Order;
      const { challenges } = await read<Authorization>(authorizations[0] ?? '');
      const challenge = challenges.find(({ type }) => type === 'http-01');
      if (challenge === undefined) throw new Error(`${dnsName} has no http-01`);
      const shown = await show(options, { dnsName, token: challenge.token, thumbprint: poster.thumbprint });
      await poster.post(challenge.url, {});
      await until(made.location, 'ready');
      const csr = await requestForNames([dnsName], newKey());
      await poster.post(finalize, {
        csr: Buffer.from(csr.replaceAll(/-----.+-----/g, ''), 'base64').toString('base64url'),
      });
      const { certificate = '' } = await until(made.location, 'valid');
      await rm(shown);
      return (await poster.post(certificate, '')).body;
    },
    close: poster.close,
  };
}

/** The front reads it as the agent writes it. */
async function show(
  { challenges }: PlainAcmeOptions,
  { dnsName, token, thumbprint }: { readonly dnsName: string; readonly token: string; readonly thumbprint: string },
): Promise<string> {
  const path = `${challenges}/${token}`;
  const record = { owner: 'bench', hostname: dnsName, keyAuthorization: `${token}.${thumbprint}` };
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o644 });
  await rename(`${path}.new`, path);
  return path;
}

interface Poster {
  readonly thumbprint: string;
  get(url: string): Promise<Answer>;
  /** `payload` is JSON, or '' to read. */
  post(url: string, payload: object | ''): Promise<Answer>;
  open(directory: Directory): Promise<void>;
  close(): void;
}

/** JWS by ES256 over kept connections; each answer's nonce is the next request's. */
function createPoster({ ca, connections }: PlainAcmeOptions): Poster {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ca });
  const key = createPrivateKey(newKey());
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' });
  const jwk = { crv, kty, x, y };
  const nonces: string[] = [];
  let account: string | undefined;
  let newNonce = '';
  const exchange = async (method: string, url: string, body?: string): Promise<Answer> => {
    const headers = body === undefined ? {} : { 'content-type': 'application/jose+json' };
    const answer = await new Promise<Answer>((resolve, reject) => {
      const sent = request(url, { agent, method, headers, timeout: timeoutMs }, (response) => {
        const { 'replay-nonce': nonce, location = '' } = response.headers;
        if (typeof nonce === 'string') nonces.push(nonce);
        const isGood = (response.statusCode ?? 500) < 300;
        text(response).then((told) => (isGood ? resolve({ location, body: told }) : reject(new Error(told))), reject);
      });
      sent.on('timeout', () => sent.destroy(new Error(`${url} does not answer`)));
      sent.on('error', reject).end(body);
    });
    return answer;
  };
  const post = async (url: string, payload: object | ''): Promise<Answer> => {
    if (nonces.length === 0) await exchange('HEAD', newNonce);
    const who = account === undefined ? { jwk } : { kid: account };
    const encoded = encode(payload === '' ? '' : JSON.stringify(payload));
    const head = encode(JSON.stringify({ alg: 'ES256', nonce: nonces.pop(), url, ...who }));
    const signature = sign('sha256', Buffer.from(`${head}.${encoded}`), { key, dsaEncoding: 'ieee-p1363' });
    const jws = { protected: head, payload: encoded, signature: signature.toString('base64url') };
    return await exchange('POST', url, JSON.stringify(jws));
  };
  return {
    thumbprint: createHash('sha256').update(JSON.stringify(jwk)).digest('base64url'),
    get: async (url) => await exchange('GET', url),
    post,
    open: async (directory) => {
      ({ newNonce } = directory);
      account = (await post(directory.newAccount, { termsOfServiceAgreed: true })).location;
    },
    close: () => agent.destroy(),
  };
}

function encode(value: string): string {
  return Buffer.from(value).toString('base64url');
}
