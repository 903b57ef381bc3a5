import { AcmeProblem, BugError } from '#runtime/base/errors.ts';
import type { Clock } from '#runtime/base/clock.ts';
import type { AcmeAccount, Authorization, Order, RenewalWindow } from '#runtime/acme/account.ts';
import { parseCertificateRequest } from '#runtime/pki/certificate-request.ts';
import type { PemPair } from '#runtime/pki/pair.ts';
import { issueForRequest } from '#runtime/pki/issue.ts';
import { factsOf } from '#runtime/pki/server-certificate.ts';
import { randomFrom } from '#test/lab/random.ts';
import { createSlidingWindows, type Limit } from './windows.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export interface SimulatedCaOptions {
  readonly clock: Clock;
  readonly authority: PemPair;
  /** What a visitor of a name is shown for a token. */
  readonly shown: (dnsName: string, token: string) => string | undefined;
  /** The domain that somebody registered above a name. */
  readonly registrable: (dnsName: string) => string;
  readonly limits: Readonly<Record<'orders' | 'ordersPerDomain', Limit>>;
  /** Of orders: one half is refused when the CA looks, the other when it is about to sign. */
  readonly failing: number;
  /** Of what it issues; 90 days when absent. */
  readonly lifetimeMs?: number;
  /** Of a name, whether it is refused at the moment. */
  readonly refuses?: (dnsName: string) => boolean;
  /** When it suggests to renew, of what it would suggest itself. */
  readonly suggests?: (usual: RenewalWindow) => RenewalWindow;
  /** When nobody answers. */
  readonly outages: readonly { readonly fromMs: number; readonly untilMs: number }[];
}

/** A CA in this process, and what it counted. */
export interface SimulatedCa {
  readonly account: AcmeAccount;
  /** `limited`: orders that it refused because there were too many. `unanswered`: requests while nobody answered. */
  readonly counts: Readonly<Record<'orders' | 'issued' | 'failed' | 'limited' | 'unanswered', number>>;
  /** The most orders that there were within the period of their limit. */
  readonly mostOrders: number;
}

interface Known {
  readonly order: Order;
  readonly dnsNames: readonly string[];
  readonly fate: 'good' | 'refused' | 'broken';
  /** What came of the names that it has looked at. */
  readonly seen: ReadonlyMap<string, 'valid' | 'invalid'>;
  readonly chain?: string;
}

const usualLifetimeMs = 90 * dayMs;
/** A CA that suggests when to renew suggests two days of ninety at two thirds of the life, and wants to be asked daily. */
const suggestion = { atPart: 2 / 3, widthPart: 1 / 45, freshMs: dayMs };
/** Of one name in one hour; the next order for it is refused. */
const refusals: Limit = { count: 5, periodMs: hourMs };

/** A CA as RFC 8555 has it, with the limits of a public one and failures that are the same in each run. */
export function createSimulatedCa(options: SimulatedCaOptions): SimulatedCa {
  const { clock, lifetimeMs = usualLifetimeMs } = options;
  const counts = { orders: 0, issued: 0, failed: 0, limited: 0, unanswered: 0 };
  const orders = new Map<string, Known>();
  const gate = createGate(options);
  const windows = new Map<string, RenewalWindow>();
  const draw = randomFrom(1);
  const answering = (): void => {
    const nowMs = clock.now();
    if (!options.outages.some(({ fromMs, untilMs }) => fromMs <= nowMs && nowMs < untilMs)) return;
    counts.unanswered += 1;
    throw new AcmeProblem('connection', 'nobody answers');
  };
  const known = (url: string): Known => {
    answering();
    const found = orders.get(orderOf(url));
    if (found === undefined) throw new AcmeProblem('malformed', 'there is no such order');
    return found;
  };
  const put = (known: Known, change: Partial<Known>, status: Order['status']): Order => {
    const order = { ...known.order, status };
    orders.set(order.url, { ...known, ...change, order });
    return order;
  };
  const order = (dnsNames: readonly string[]): Order => {
    answering();
    const retryAfterMs = gate.waitMs(dnsNames);
    if (retryAfterMs > 0) {
      counts.limited += 1;
      throw new AcmeProblem('rateLimited', 'too many orders', { retryAfterMs });
    }
    gate.ordered(dnsNames);
    counts.orders += 1;
    const drawn = draw() / options.failing;
    const fate = drawn < 0.5 ? 'refused' : drawn < 1 ? 'broken' : 'good';
    return put({ order: newOrder(counts.orders, dnsNames), dnsNames, fate, seen: new Map() }, {}, 'pending');
  };
  const look = (url: string): void => {
    const found = known(url);
    const { dnsName, challenges } = authorizationOf(url, found);
    const isShown = challenges.every(({ token }) => options.shown(dnsName, token) === answerTo(token));
    const isGood = isShown && found.fate !== 'refused' && options.refuses?.(dnsName) !== true;
    const seen = new Map(found.seen).set(dnsName, isGood ? 'valid' : 'invalid');
    const isReady = found.dnsNames.every((name) => seen.get(name) === 'valid');
    if (isGood) return void put(found, { seen }, isReady ? 'ready' : found.order.status);
    counts.failed += 1;
    gate.refused(dnsName);
    put(found, { seen }, 'invalid');
  };
  const sign = async (url: string, csr: string): Promise<Order> => {
    const found = known(url);
    if (found.fate === 'broken') {
      counts.failed += 1;
      put(found, {}, 'invalid');
      throw new AcmeProblem('badCSR', 'it is not liked today');
    }
    const wanted = { lifetimeMs, nowMs: clock.now(), keyUsages: ['digital signature'] } as const;
    const certificate = await issueForRequest(options.authority, parseCertificateRequest(csr), wanted);
    const chain = `${certificate}${options.authority.certificate}`;
    counts.issued += 1;
    gate.issued(found.dnsNames);
    const { renewalId = '', notBefore = 0, notAfter = 0 } = factsOf(chain) ?? {};
    const startMs = notBefore + (notAfter - notBefore) * suggestion.atPart;
    windows.set(renewalId, {
      startMs,
      endMs: startMs + lifetimeMs * suggestion.widthPart,
      freshMs: suggestion.freshMs,
    });
    return put(found, { chain }, 'valid');
  };
  return {
    counts,
    get mostOrders() {
      return gate.mostOrders();
    },
    account: asAccount({
      order,
      look,
      sign,
      known,
      find: (dnsNames) =>
        [...orders.values()].findLast((each) => isOpen(each.order) && each.dnsNames.join() === dnsNames.join())?.order,
      window: (id) => {
        answering();
        const usual = windows.get(id);
        return usual && (options.suggests?.(usual) ?? usual);
      },
    }),
  };
}

function isOpen({ status }: Order): boolean {
  return status === 'pending' || status === 'ready';
}

interface Office {
  readonly order: (dnsNames: readonly string[]) => Order;
  readonly find: (dnsNames: readonly string[]) => Order | undefined;
  readonly look: (url: string) => void;
  readonly sign: (url: string, csr: string) => Promise<Order>;
  readonly known: (url: string) => Known;
  readonly window: (id: string) => RenewalWindow | undefined;
}

/** The contract that the protocol's client fulfils elsewhere. */
function asAccount({ order, find, look, sign, known, window }: Office): AcmeAccount {
  // As a call over the network: what is thrown comes as a rejection.
  const told = async <T>(tell: () => T): Promise<T> => await Promise.resolve().then(tell);
  return {
    register: async () => await told(() => 'https://ca.example/account/1'),
    createOrder: async (dnsNames) => await told(() => order(dnsNames)),
    order: async (url) => await told(() => known(url).order),
    findOrder: async (dnsNames) => await told(() => find(dnsNames)),
    authorization: async (url) => await told(() => authorizationOf(url, known(url))),
    answerTo: async ({ token }) => await told(() => answerTo(token)),
    accept: async ({ url }) => await told(() => look(url)),
    finalize: async ({ url }, csr) => await sign(url, csr),
    certificate: async ({ url }) => await told(() => known(url).chain ?? ''),
    renewalWindow: async (id) => await told(() => window(id)),
    caaNames: async () => await told(() => []),
    revoke: async () =>
      await told(() => {
        throw new BugError('nothing is revoked here');
      }),
    close: () => undefined,
  };
}

function newOrder(number: number, dnsNames: readonly string[]): Order {
  const url = `https://ca.example/order/${number}`;
  return {
    url,
    status: 'pending',
    identifiers: dnsNames.map((value) => ({ type: 'dns', value })),
    authorizations: dnsNames.map((_, at) => `${url}/${at}`),
    finalize: url,
  };
}

/** `https://ca.example/order/7/0` → `https://ca.example/order/7` */
function orderOf(url: string): string {
  return url.split('/').slice(0, 5).join('/');
}

function authorizationOf(url: string, { order, dnsNames, seen }: Known): Authorization {
  const dnsName = dnsNames[order.authorizations.indexOf(url)] ?? '';
  const status = seen.get(dnsName) ?? 'pending';
  const token = url.replaceAll(/\W+/g, '-');
  const error = { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'something else is shown there' };
  const challenge = { type: 'http-01', url, token, status, ...(status === 'invalid' ? { error } : {}) };
  return { url, status, dnsName, isWildcard: false, challenges: [challenge] };
}

function answerTo(token: string): string {
  return `${token}.thumbprint`;
}

interface Gate {
  waitMs(dnsNames: readonly string[]): number;
  ordered(dnsNames: readonly string[]): void;
  refused(dnsName: string): void;
  issued(dnsNames: readonly string[]): void;
  mostOrders(): number;
}

/** What the CA allows. Names for which it has signed before count for the account only. */
function createGate({ clock, limits, registrable }: SimulatedCaOptions): Gate {
  const past = createSlidingWindows(clock);
  const signed = new Set<string>();
  let most = 0;
  const domainsOf = (dnsNames: readonly string[]): readonly string[] =>
    signed.has(dnsNames.join()) ? [] : [...new Set(dnsNames.map(registrable))];
  return {
    waitMs: (dnsNames) =>
      Math.max(
        past.waitMs('account', limits.orders),
        ...domainsOf(dnsNames).map((domain) => past.waitMs(`domain ${domain}`, limits.ordersPerDomain)),
        ...dnsNames.map((name) => past.waitMs(`name ${name}`, refusals)),
      ),
    ordered: (dnsNames) => {
      past.count('account');
      for (const domain of domainsOf(dnsNames)) past.count(`domain ${domain}`);
      most = Math.max(most, past.size('account', limits.orders));
    },
    refused: (dnsName) => past.count(`name ${dnsName}`),
    issued: (dnsNames) => void signed.add(dnsNames.join()),
    mostOrders: () => most,
  };
}
