import { parseDurationMs } from '#schemas/meta/duration.ts';
import { certificateKind, type Certificate } from '#schemas/v1alpha1/certificate.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { CertificateOrder } from './model.ts';
import type { Need } from './need.ts';

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
  /** `undefined`: it may be made now, and counts from now on. */
  ask(question: PaceQuestion, cache: Cache): Paced | undefined;
}

/** A cache shows a write no later than that. */
const lagMs = 60_000;

/**
 * Counts the orders that Certificates tell of, so that a start forgets none; of what the cache does not show yet it remembers its own.
 * `registrable` gives the domain that somebody registered above a name.
 */
export function createOrderPace(registrable: (dnsName: string) => string): OrderPace {
  /** uid → time of its last order, oldest first. */
  const recent = new Map<string, number>();
  return {
    ask: (question, cache) => {
      const { uid } = question.owner;
      const { nowMs } = question;
      for (const [other, time] of recent) if (time < nowMs - lagMs) recent.delete(other);
      const delays = limitsOf(question, registrable).map((limit) => delayOf(limit, { cache, recent, question }));
      const [longest] = delays.filter((delay) => delay !== undefined).toSorted((a, b) => b.atMs - a.atMs);
      if (longest !== undefined) return longest;
      recent.delete(uid);
      recent.set(uid, nowMs);
      return undefined;
    },
  };
}

interface Counted {
  readonly limit: Limit;
  readonly text: string;
  /** Whether an order for these names counts. */
  readonly counts: (dnsNames: readonly string[]) => boolean;
}

/** A certificate for names for which there was one is no new one to a CA: it counts for the account only. */
function limitsOf({ order, need }: PaceQuestion, registrable: (dnsName: string) => string): readonly Counted[] {
  const { orders, ordersPerDomain } = order.issuer.spec.acme?.limits ?? {};
  const ofAccount = orders === undefined ? [] : [{ limit: orders, text: 'orders', counts: () => true }];
  if (ordersPerDomain === undefined || (need !== 'Missing' && need !== 'SpecChanged')) return ofAccount;
  const domains = [...new Set(order.dnsNames.map(registrable))];
  return [
    ...ofAccount,
    ...domains.map((domain) => ({
      limit: ordersPerDomain,
      text: `orders for ${domain}`,
      counts: (dnsNames: readonly string[]) => dnsNames.some((name) => registrable(name) === domain),
    })),
  ];
}

interface Counting {
  readonly cache: Cache;
  readonly recent: ReadonlyMap<string, number>;
  readonly question: PaceQuestion;
}

function delayOf({ limit, text, counts }: Counted, { cache, recent, question }: Counting): Paced | undefined {
  const { nowMs, order } = question;
  const periodMs = parseDurationMs(limit.period) ?? 0;
  const others = certificatesOf(order, cache).filter(({ spec }) => counts(spec.dnsNames));
  const times = others
    .map(({ metadata, status }) => Math.max(orderedAtMs(status), recent.get(metadata.uid ?? '') ?? 0))
    .filter((time) => time > nowMs - periodMs)
    .toSorted((a, b) => a - b);
  const oldest = times.at(-limit.count);
  if (oldest === undefined) return undefined;
  // Whoever came first is next; with each period as many have their turn.
  const turns = Math.floor(others.filter((other) => isAhead(other, question)).length / limit.count);
  const message = `The issuer makes ${limit.count} ${text} in ${limit.period}.`;
  return { atMs: oldest + periodMs * (1 + turns), message };
}

/** All that have the same issuer. */
function certificatesOf({ issuer }: CertificateOrder, cache: Cache): readonly Certificate[] {
  const { kind, name, namespace } = issuer;
  return cache
    .list(certificateKind, kind === 'Issuer' ? namespace : undefined)
    .filter(({ spec: { issuerRef } }) => issuerRef.kind === kind && issuerRef.name === name);
}

/** Waits for its order, and for longer. */
function isAhead({ metadata, status }: Certificate, { owner, startedAt }: PaceQuestion): boolean {
  const { issuance } = status ?? {};
  if (issuance?.startedAt === undefined || issuance.orderIntendedAt !== undefined) return false;
  return `${issuance.startedAt} ${metadata.uid ?? ''}` < `${startedAt} ${owner.uid}`;
}

function orderedAtMs({ issuance, lastOrderAt }: NonNullable<Certificate['status']> = {}): number {
  const time = issuance?.orderIntendedAt ?? lastOrderAt;
  return time === undefined ? 0 : Date.parse(time);
}
