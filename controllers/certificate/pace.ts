import { parseDurationMs } from '#schemas/meta/duration.ts';
import type { Certificate } from '#schemas/v1alpha1/certificate.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { CertificateOrder } from './model.ts';
import type { Need } from './need.ts';
import { createOrderIndexes, issuerTextOf, orderedAtMs, type OrderIndexes } from './order-indexes.ts';
import { createOrderLine, type OrderLine } from './order-line.ts';

/** What a CA allows, as far as its issuer says so. */
type Limit = NonNullable<NonNullable<CertificateOrder['issuer']['spec']['acme']>['limits']>['orders'];

export interface PaceQuestion {
  readonly owner: Owner;
  readonly order: CertificateOrder;
  readonly need: Need;
  /** When it began to be got, RFC 3339. */
  readonly startedAt: string;
  readonly nowMs: number;
}

/** Why an order has to wait. */
export interface Paced {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly message: string;
}

/** How fast orders are made at each CA account, and for each domain that somebody registered. */
export interface OrderPace {
  /** By which Certificates have to be found in the cache. */
  readonly reads: OrderIndexes['reads'];
  /** `undefined`: it may be made now, and counts from now on. */
  ask(question: PaceQuestion, cache: Cache): Paced | undefined;
}

/** A cache shows a write no later than that. */
const lagMs = 60_000;

/** An order that this process has let be made. */
interface Made {
  readonly uid: string;
  readonly atMs: number;
  readonly issuer: string;
  readonly dnsNames: readonly string[];
  /** Nobody counts it then. */
  readonly untilMs: number;
}

/**
 * Counts the orders that Certificates tell of, so that a start forgets none; what they do not tell it remembers: its own orders that the cache does not show
 * yet, and those that failed and were made anew since. `registrable` gives the domain that somebody registered above a name.
 */
export function createOrderPace(registrable: (dnsName: string) => string): OrderPace {
  const indexes = createOrderIndexes(registrable);
  let made: readonly Made[] = [];
  const lines = new Map<string, OrderLine>();
  return {
    reads: indexes.reads,
    ask: (question, cache) => {
      const { owner, nowMs, order } = question;
      made = made.filter(({ untilMs }) => untilMs > nowMs);
      const limits = limitsOf(question, { indexes, registrable });
      const issuer = issuerTextOf(order.issuer);
      const delays = limits.map((counted) => delayOf(counted, { cache, made, question, lines }));
      const [longest] = delays.filter((delay) => delay !== undefined).toSorted((a, b) => b.atMs - a.atMs);
      if (longest !== undefined) return longest;
      for (const { text } of limits) {
        const id = `${issuer} ${text}`;
        if (lines.get(id)?.leave(placeOf(question)) === false) lines.delete(id);
      }
      const untilMs = nowMs + Math.max(lagMs, ...limits.map(({ limit }) => periodMsOf(limit)));
      made = [...made, { uid: owner.uid, atMs: nowMs, issuer, dnsNames: order.dnsNames, untilMs }];
      return undefined;
    },
  };
}

/** One limit, and the orders that count for it. */
interface Counted {
  readonly limit: Limit;
  readonly text: string;
  readonly counts: (order: Pick<Made, 'issuer' | 'dnsNames'>) => boolean;
  /** Certificates that were ordered since then; others may be among them. */
  readonly ordered: (
    cache: Cache,
    since: { readonly fromMs: number; readonly nowMs: number },
  ) => readonly Certificate[];
  /** Those that wait for their order; others may be among them. */
  readonly waiting: (cache: Cache) => readonly Certificate[];
}

/** A certificate for names for which there was one is no new one to a CA: it counts for the account only. */
function limitsOf(
  { order, need }: PaceQuestion,
  { indexes, registrable }: { readonly indexes: OrderIndexes; readonly registrable: (dnsName: string) => string },
): readonly Counted[] {
  const { orders, ordersPerDomain } = order.issuer.spec.acme?.limits ?? {};
  const issuer = issuerTextOf(order.issuer);
  const ofAccount: Omit<Counted, 'limit'> = {
    text: 'orders',
    counts: (other) => other.issuer === issuer,
    ordered: (cache, since) => indexes.ordered(issuer, cache, since),
    waiting: (cache) => indexes.waiting(issuer, cache),
  };
  const all = orders === undefined ? [] : [{ ...ofAccount, limit: orders }];
  if (ordersPerDomain === undefined || (need !== 'Missing' && need !== 'SpecChanged')) return all;
  const domains = [...new Set(order.dnsNames.map(registrable))];
  const ofDomain = (domain: string): Counted => ({
    limit: ordersPerDomain,
    text: `orders for ${domain}`,
    counts: (other) => ofAccount.counts(other) && other.dnsNames.some((name) => registrable(name) === domain),
    ordered: (cache) => indexes.ofDomain(issuer, domain, cache),
    waiting: (cache) => indexes.ofDomain(issuer, domain, cache),
  });
  return [...all, ...domains.map(ofDomain)];
}

interface Counting {
  readonly cache: Cache;
  readonly made: readonly Made[];
  readonly question: PaceQuestion;
  /** By the issuer and what is counted. */
  readonly lines: Map<string, OrderLine>;
}

function delayOf(counted: Counted, counting: Counting): Paced | undefined {
  const { limit, text } = counted;
  const { question } = counting;
  const periodMs = periodMsOf(limit);
  const oldest = timesOf(counted, counting, question.nowMs - periodMs).at(-limit.count);
  if (oldest === undefined) return undefined;
  // Whoever came first is next; with each period as many have their turn.
  const ahead = lineOf(counted, counting).aheadOf(placeOf(question), question.nowMs);
  const message = `The issuer makes ${limit.count} ${text} in ${limit.period}.`;
  return { atMs: oldest + periodMs * (1 + Math.floor(ahead / limit.count)), message };
}

function lineOf({ text, waiting }: Counted, { lines, cache, question }: Counting): OrderLine {
  const id = `${issuerTextOf(question.order.issuer)} ${text}`;
  const known = lines.get(id);
  if (known !== undefined) return known;
  const line = createOrderLine(() => waiting(cache).flatMap(waitingPlaceOf));
  lines.set(id, line);
  return line;
}

/** Who began earlier is before. */
function placeOf({ startedAt, owner }: PaceQuestion): string {
  return `${startedAt} ${owner.uid}`;
}

/** Of a Certificate that waits for its order. */
function waitingPlaceOf({ metadata, status }: Certificate): readonly string[] {
  const { startedAt, orderIntendedAt } = status?.issuance ?? {};
  return startedAt === undefined || orderIntendedAt !== undefined ? [] : [`${startedAt} ${metadata.uid ?? ''}`];
}

function periodMsOf({ period }: Limit): number {
  return parseDurationMs(period) ?? 0;
}

/** Of the orders since then that count, in their order. */
function timesOf({ counts, ordered }: Counted, { cache, made, question }: Counting, fromMs: number): readonly number[] {
  const own = made.filter(counts);
  const last = new Map(own.map(({ uid, atMs }) => [uid, atMs]));
  const told = ordered(cache, { fromMs, nowMs: question.nowMs })
    .map(({ metadata, status }) => ({ uid: metadata.uid ?? '', atMs: orderedAtMs(status) }))
    // What a Certificate tells may be the very order that is remembered.
    .filter(({ uid, atMs }) => atMs > (last.get(uid) ?? Number.NEGATIVE_INFINITY) + lagMs);
  const times = [...told, ...own].map(({ atMs }) => atMs);
  return times.filter((time) => time > fromMs).toSorted((a, b) => a - b);
}
