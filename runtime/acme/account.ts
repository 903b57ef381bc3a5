import type { Client as AcmeClient, ClientOptions, Order as AcmeClientOrder } from 'acme-client';
// First: acme-client loads the same package as runtime/pki, which asks for it when it is loaded.
import '#runtime/pki/reflect-metadata.ts';
import { AcmeProblem, Wcp360Error } from '#runtime/base/errors.ts';
import { retryAfterMsOf } from '#runtime/outbound/exchange.ts';
import { downloadChain } from './chains.ts';
import { createDirectory, type Directory } from './directory.ts';
import { plain } from './problem.ts';
import { createTransport, type Transport, type TransportAnswer, type TransportOptions } from './transport.ts';

/** Where and as whom. */
export interface AccountOptions extends TransportOptions {
  readonly directory: string;
  /** PEM. */
  readonly key: string;
  /** URL of the account, once it is known. */
  readonly url?: string | undefined;
  readonly externalAccount?: { readonly id: string; readonly macKey: string } | undefined;
}

export type OrderState = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';

/** An order as the CA tells it (RFC 8555 §7.1.3). */
export interface Order {
  readonly url: string;
  readonly status: OrderState;
  readonly identifiers: readonly { readonly type: string; readonly value: string }[];
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate?: string;
  readonly error?: unknown;
  /** When to look again, in ms from now; absent when the CA did not say. */
  readonly retryAfterMs?: number | undefined;
}

/** What has to be shown for one name (RFC 8555 §7.1.4). */
export interface Authorization {
  readonly url: string;
  readonly status: string;
  /** Without `*.`. */
  readonly dnsName: string;
  readonly isWildcard: boolean;
  readonly challenges: readonly AcmeChallenge[];
}

export interface AcmeChallenge {
  readonly type: string;
  readonly url: string;
  readonly token: string;
  readonly status: string;
  readonly error?: unknown;
}

/** What one account can do at its CA. Errors: AcmeProblem. */
export interface AcmeAccount {
  /** Opens the account, or finds the one of this key, and tells its URL. */
  register(contact: readonly string[]): Promise<string>;
  createOrder(dnsNames: readonly string[], extras: OrderExtras): Promise<Order>;
  order(url: string): Promise<Order>;
  /** An order for just these names that waits to be carried on; `undefined` when there is none, or the CA tells nobody of orders (RFC 8555 §7.1.2.1). */
  findOrder(dnsNames: readonly string[]): Promise<Order | undefined>;
  authorization(url: string): Promise<Authorization>;
  /** What is to be seen for a challenge. */
  answerTo(challenge: AcmeChallenge): Promise<string>;
  /** Says that it is to be seen. */
  accept(challenge: AcmeChallenge): Promise<void>;
  /** `csr` is PEM. */
  finalize(order: Order, csr: string): Promise<Order>;
  /** The chain, PEM. */
  certificate(order: Order, preferredChain?: string): Promise<string>;
  revoke(certificate: string, reason: number): Promise<void>;
  /** The names by which CAA records mean the CA (RFC 8555 §9.7.6); empty when it tells none. */
  caaNames(): Promise<readonly string[]>;
  /** When the CA suggests renewal (RFC 9773); `undefined` where it does not say. */
  renewalWindow(certificateId: string): Promise<RenewalWindow | undefined>;
  close(): void;
}

export interface OrderExtras {
  readonly profile?: string | undefined;
  /** The certificate whose place the next one takes, as `renewalWindow` knows it: told to CAs that suggest when to renew (RFC 9773 §5). */
  readonly replaces?: string | undefined;
}

export interface RenewalWindow {
  readonly startMs: number;
  readonly endMs: number;
  /** How long the answer holds, in ms. */
  readonly freshMs: number | undefined;
}

/** What of acme-client's own parts is taken by hand: it has no way to give each client a connection of its own. */
interface Inside {
  readonly http: {
    request: (url: string, method: string, options?: { readonly data?: unknown }) => Promise<TransportAnswer>;
    getNonce: () => Promise<string>;
    getDirectory: () => Promise<Directory>;
  };
  readonly api: {
    accountUrl: string | null;
    apiRequest: (url: string, payload: unknown, valid: readonly number[]) => Promise<TransportAnswer>;
  };
}

interface AcmeModule {
  readonly Client: new (options: ClientOptions) => AcmeClient;
}

const mostNonces = 32;

/** An account over acme-client. Nonces that answers bring are used for what is asked next. */
export async function openAccount(options: AccountOptions): Promise<AcmeAccount> {
  const transport = createTransport(options);
  const client = await clientFor(options);
  const inside = client as unknown as Inside;
  takeOver(inside, transport, options.directory);
  const read = async (url: string): Promise<TransportAnswer> => await inside.api.apiRequest(url, null, [200]);
  return withoutSurprise(options, {
    register: async (contact) => {
      // Whatever URL is known may be that of an account that the CA knows no longer.
      inside.api.accountUrl = null;
      await client.createAccount({ termsOfServiceAgreed: true, contact: [...contact] });
      return client.getAccountUrl();
    },
    createOrder: async (dnsNames, { profile, replaces }) => {
      const identifiers = dnsNames.map((value) => ({ type: 'dns', value }));
      const wanted = { identifiers, ...(profile === undefined ? {} : { profile }) };
      const order = async (more: object): Promise<Order> =>
        orderOf(await client.createOrder({ ...wanted, ...more } as never));
      const isTold = replaces !== undefined && (await renewalInfoOf(inside)) !== undefined;
      return isTold ? await orderInPlace(replaces, order) : await order({});
    },
    order: async (url) => {
      const { data, headers } = await read(url);
      return {
        ...orderOf({ ...(data as object), url }),
        retryAfterMs: retryAfterMsOf(headers['retry-after'], Date.now()),
      };
    },
    findOrder: async (dnsNames) => await findOrder(dnsNames, { client, read }),
    authorization: async (url) => authorizationOf(url, (await read(url)).data),
    answerTo: async (challenge) => await client.getChallengeKeyAuthorization(challenge as never),
    accept: async (challenge) => void (await client.completeChallenge(challenge as never)),
    finalize: async (order, csr) => orderOf(await client.finalizeOrder(order as unknown as AcmeClientOrder, csr)),
    certificate: async ({ certificate }, preferredChain) => {
      if (certificate === undefined) throw new AcmeProblem('malformedAnswer', 'the CA does not say where the chain is');
      return await downloadChain(certificate, preferredChain, read);
    },
    revoke: async (certificate, reason) => await client.revokeCertificate(certificate, { reason }),
    caaNames: async () => caaNamesOf(await inside.http.getDirectory()),
    renewalWindow: async (certificateId) => await renewalWindowOf(inside, transport, certificateId),
    close: () => transport.close(),
  });
}

/** Loaded when it is needed: a controller without a single ACME issuer starts without it. */
async function clientFor({ directory, key, url, externalAccount }: AccountOptions): Promise<AcmeClient> {
  const loaded: { readonly default?: AcmeModule } & AcmeModule = await import('acme-client');
  // CommonJS: in a bundle all of it is the default.
  const { Client } = loaded.default ?? loaded;
  return new Client({
    directoryUrl: directory,
    accountKey: key,
    ...(url === undefined ? {} : { accountUrl: url }),
    ...(externalAccount === undefined
      ? {}
      : { externalAccountBinding: { kid: externalAccount.id, hmacKey: externalAccount.macKey } }),
  });
}

/** Its own transport follows no signal, tries again with used nonces, and asks for a nonce before each request. */
function takeOver({ http }: Inside, transport: Transport, directory: string): void {
  const nonces: string[] = [];
  const fetchNonce = http.getNonce.bind(http);
  http.request = async (url, method, { data } = {}) => {
    const answer = await transport.request(url, method, data);
    const nonce = answer.headers['replay-nonce'];
    if (nonce !== undefined && method !== 'head' && nonces.length < mostNonces) nonces.push(nonce);
    return answer;
  };
  http.getNonce = async () => nonces.pop() ?? (await fetchNonce());
  // Its own takes whatever is there, and keeps it for a day.
  http.getDirectory = createDirectory(directory, async () => (await http.request(directory, 'get')).data, Date.now);
}

/** What a CA answers is anything: on what acme-client, or we, stumble there is told of it, and is no fault of this program. */
function withoutSurprise({ directory, signal }: AccountOptions, account: AcmeAccount): AcmeAccount {
  const guarded =
    <A extends readonly unknown[], R>(ask: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await ask(...args);
      } catch (err) {
        if (err instanceof Wcp360Error || signal.aborted) throw err;
        const words = `the answer of the CA at ${plain(directory)} cannot be used: ${plain((err as Error).message)}`;
        throw new AcmeProblem('malformedAnswer', words, { cause: err });
      }
    };
  return {
    register: guarded(account.register),
    createOrder: guarded(account.createOrder),
    order: guarded(account.order),
    findOrder: guarded(account.findOrder),
    authorization: guarded(account.authorization),
    answerTo: guarded(account.answerTo),
    accept: guarded(account.accept),
    finalize: guarded(account.finalize),
    certificate: guarded(account.certificate),
    revoke: guarded(account.revoke),
    caaNames: guarded(account.caaNames),
    renewalWindow: guarded(account.renewalWindow),
    close: account.close,
  };
}

/** A CA may list thousands: the newest stand first or last. */
const mostLooks = 5;

async function findOrder(
  dnsNames: readonly string[],
  { client, read }: { readonly client: AcmeClient; readonly read: (url: string) => Promise<TransportAnswer> },
): Promise<Order | undefined> {
  const { orders: list } = (await client.updateAccount()) as { readonly orders?: string };
  if (list === undefined) return undefined;
  const { orders = [] } = (await read(list)).data as { readonly orders?: readonly string[] };
  const ends = new Set([...orders.slice(0, mostLooks), ...orders.slice(-mostLooks)]);
  for (const url of [...ends].toReversed()) {
    const order = orderOf({ ...((await read(url)).data as object), url });
    const names = order.identifiers.map(({ value }) => value).toSorted();
    const waits = order.status === 'pending' || order.status === 'ready';
    if (waits && names.join() === [...dnsNames].toSorted().join()) return order;
  }
  return undefined;
}

function orderOf(value: object): Order {
  const { url, status, identifiers, authorizations, finalize } = value as Partial<Order>;
  const isWhole = [url, status, finalize].every((each) => typeof each === 'string');
  if (!isWhole || !Array.isArray(authorizations) || !Array.isArray(identifiers))
    throw new AcmeProblem('malformedAnswer', 'the CA answered with an order that lacks parts');
  return value as Order;
}

function authorizationOf(url: string, data: unknown): Authorization {
  const { status, identifier, wildcard, challenges } = (data ?? {}) as {
    readonly status?: string;
    readonly identifier?: { readonly value?: string };
    readonly wildcard?: boolean;
    readonly challenges?: readonly AcmeChallenge[];
  };
  if (status === undefined || identifier?.value === undefined || !Array.isArray(challenges))
    throw new AcmeProblem('malformedAnswer', 'the CA answered with an authorization that lacks parts');
  return { url, status, dnsName: identifier.value, isWildcard: wildcard === true, challenges };
}

function caaNamesOf({ meta }: Directory): readonly string[] {
  const { caaIdentities } = (meta ?? {}) as { readonly caaIdentities?: unknown };
  const names = Array.isArray(caaIdentities) ? caaIdentities : [];
  return names.filter((name) => typeof name === 'string').map((name) => name.toLowerCase());
}

/** Whether a certificate has a successor already, or is another CA's, is no reason to have none. */
async function orderInPlace(replaces: string, order: (more: object) => Promise<Order>): Promise<Order> {
  try {
    return await order({ replaces });
  } catch (err) {
    if (!(err instanceof AcmeProblem) || !replacementProblems.has(err.type)) throw err;
    return await order({});
  }
}

/** How CAs refuse one that they take for nobody's, or another's, or replaced. */
const replacementProblems: ReadonlySet<string> = new Set(['alreadyReplaced', 'malformed', 'unauthorized', 'notFound']);

/** Where a CA suggests when to renew; `undefined` where it does not. */
async function renewalInfoOf({ http }: Inside): Promise<string | undefined> {
  const { renewalInfo } = await http.getDirectory();
  return typeof renewalInfo === 'string' ? renewalInfo : undefined;
}

async function renewalWindowOf(
  inside: Inside,
  transport: Transport,
  certificateId: string,
): Promise<RenewalWindow | undefined> {
  const renewalInfo = await renewalInfoOf(inside);
  if (renewalInfo === undefined) return undefined;
  const { data, headers } = await transport.request(`${renewalInfo}/${certificateId}`, 'get');
  return { ...windowIn(data), freshMs: retryAfterMsOf(headers['retry-after'], Date.now()) };
}

function windowIn(data: unknown): Pick<RenewalWindow, 'startMs' | 'endMs'> {
  const { suggestedWindow } = (data ?? {}) as { readonly suggestedWindow?: { start?: unknown; end?: unknown } | null };
  const [startMs = Number.NaN, endMs = Number.NaN] = [suggestedWindow?.start, suggestedWindow?.end].map((text) =>
    typeof text === 'string' ? Date.parse(text) : Number.NaN,
  );
  // One that is not to be understood is as none (RFC 9773 §4.3.2).
  if (!(startMs <= endMs))
    throw new AcmeProblem('malformedAnswer', 'the CA suggests no time of renewal that makes sense');
  return { startMs, endMs };
}
