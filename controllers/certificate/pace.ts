import { parseDurationMs } from '#schemas/meta/duration.ts';
import { certificateKind, type Certificate } from '#schemas/v1alpha1/certificate.ts';
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
}

/** What is known of one limit beside what Certificates tell. */
interface Tally {
  readonly line: OrderLine;
  /** The newest last. */
  readonly made: readonly Made[];
  /** From then on it tells nothing that the cache does not. */
  readonly untilMs: number;
}

/**
 * Counts the orders that Certificates tell of, so that a start forgets none; what they do not tell it remembers: its own orders that the cache does not show
 * yet, and those that failed and were made anew since. `registrable` gives the domain that somebody registered above a name.
 */
export function createOrderPace(registrable: (dnsName: string) => string): OrderPace {
  const indexes = createOrderIndexes(registrable);
  const tallies = new Map<string, Tally>();
  return {
    reads: indexes.reads,
    ask: (question, cache) => {
      forgetOver(tallies, question.nowMs);
      const limits = limitsOf(question, { indexes, registrable, cache });
      const delays = limits.map((counted) => delayOf(counted, { cache, question, tallies }));
      const [longest] = delays.filter((delay) => delay !== undefined).toSorted((a, b) => b.atMs - a.atMs);
      if (longest !== undefined) return longest;
      const made = { uid: question.owner.uid, atMs: question.nowMs };
      for (const counted of limits) {
        const tally = tallyOf(counted, { cache, question, tallies });
        tally.line.leave(placeOf(question));
        tallies.set(counted.id, { ...tally, made: [...tally.made, made] });
      }
      return undefined;
    },
  };
}

/** One limit, and the orders that count for it. */
interface Counted {
  /** Tells it from all others. */
  readonly id: string;
  readonly limit: Limit;
  readonly text: string;
  /** Certificates that were ordered since then; others may be among them. */
  readonly ordered: (
    cache: Cache,
    since: { readonly fromMs: number; readonly nowMs: number },
  ) => readonly Certificate[];
  /** Those that wait for their order; others may be among them. */
  readonly waiting: (cache: Cache) => readonly Certificate[];
  /** From then on the order counts for this limit no longer, in ms since the epoch. */
  readonly untilMs: number;
}

/**
 * A certificate for names for which there was one is no new one to a CA, and counts for the account only. If another one was ordered a while ago it is not due
 * either, but asked for, or broken by whoever has it: then it counts for the domain, too, so that nobody spends what all others need.
 */
function limitsOf(
  question: PaceQuestion,
  {
    indexes,
    registrable,
    cache,
  }: {
    readonly indexes: OrderIndexes;
    readonly registrable: (dnsName: string) => string;
    readonly cache: Cache;
  },
): readonly Counted[] {
  const { order, need, nowMs } = question;
  const { orders, ordersPerDomain } = order.issuer.spec.acme?.limits ?? {};
  const issuer = issuerTextOf(order.issuer);
  const ofAccount = (limit: Limit): Counted => ({
    id: issuer,
    limit,
    text: 'orders',
    ordered: (cache, since) => indexes.ordered(issuer, cache, since),
    waiting: (cache) => indexes.waiting(issuer, cache),
    untilMs: Number.POSITIVE_INFINITY,
  });
  const all = orders === undefined ? [] : [ofAccount(orders)];
  const untilMs = need === 'Missing' || need === 'SpecChanged' ? Number.POSITIVE_INFINITY : dueAgainMs(question, cache);
  if (ordersPerDomain === undefined || untilMs <= nowMs) return all;
  const domains = [...new Set(order.dnsNames.map(registrable))];
  const ofDomain = (domain: string): Counted => ({
    id: `${issuer} ${domain}`,
    limit: ordersPerDomain,
    text: `orders for ${domain}`,
    ordered: (cache) => indexes.ofDomain(issuer, domain, cache),
    waiting: (cache) => indexes.ofDomain(issuer, domain, cache),
    untilMs,
  });
  return [...all, ...domains.map(ofDomain)];
}

const dayMs = 24 * 3_600_000;

/** Nothing is due again before that, however short its life is. */
function dueAgainMs({ owner: { namespace, name } }: PaceQuestion, cache: Cache): number {
  const { status = {} } = cache.get(certificateKind, { namespace, name }) ?? {};
  const { notBefore, notAfter } = status;
  const lifeMs =
    notBefore === undefined || notAfter === undefined ? dayMs : Date.parse(notAfter) - Date.parse(notBefore);
  return orderedAtMs(status) + Math.min(dayMs, lifeMs / 6);
}

interface Counting {
  readonly cache: Cache;
  readonly question: PaceQuestion;
  /** By the id of their limit. */
  readonly tallies: Map<string, Tally>;
}

function delayOf(counted: Counted, counting: Counting): Paced | undefined {
  const { limit, text, untilMs } = counted;
  const { question } = counting;
  const tally = tallyOf(counted, counting);
  const latest = timesOf(counted, tally, counting).slice(-limit.count);
  if (latest.length < limit.count) return undefined;
  // Whoever came first is next, and all have their turn when one order after the other counts no longer: nobody asks before in vain.
  const ahead = tally.line.aheadOf(placeOf(question), question.nowMs);
  const periods = 1 + Math.floor(ahead / limit.count);
  const message = `The issuer makes ${limit.count} ${text} in ${limit.period}.`;
  const turnMs = (latest[ahead % limit.count] ?? 0) + periodMsOf(limit) * periods;
  return { atMs: Math.min(turnMs, untilMs), message };
}

function tallyOf({ id, limit, waiting }: Counted, { tallies, cache, question }: Counting): Tally {
  const { line, made = [] } = tallies.get(id) ?? {};
  const { nowMs } = question;
  const keptMs = Math.max(periodMsOf(limit), lagMs);
  const tally: Tally = {
    line: line ?? createOrderLine(() => waiting(cache).flatMap(waitingPlaceOf)),
    made: made.filter(({ atMs }) => atMs > nowMs - keptMs),
    untilMs: nowMs + keptMs,
  };
  // Those that were asked for last stand last.
  tallies.delete(id);
  tallies.set(id, tally);
  return tally;
}

/** Of a domain for which nothing is ordered any more nothing stays. */
function forgetOver(tallies: Map<string, Tally>, nowMs: number): void {
  for (const [id, { untilMs }] of tallies) {
    if (untilMs > nowMs) return;
    tallies.delete(id);
  }
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

/** Of the orders that count still, in their order. */
function timesOf({ limit, ordered }: Counted, { made }: Tally, { cache, question }: Counting): readonly number[] {
  const { nowMs } = question;
  const fromMs = nowMs - periodMsOf(limit);
  const last = new Map(made.map(({ uid, atMs }) => [uid, atMs]));
  const told = ordered(cache, { fromMs, nowMs })
    .map(({ metadata, status }) => ({ uid: metadata.uid ?? '', atMs: orderedAtMs(status) }))
    // What a Certificate tells may be the very order that is remembered.
    .filter(({ uid, atMs }) => atMs > (last.get(uid) ?? Number.NEGATIVE_INFINITY) + lagMs);
  const times = [...told, ...made].map(({ atMs }) => atMs);
  return times.filter((time) => time > fromMs).toSorted((a, b) => a - b);
}
