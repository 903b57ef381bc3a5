import { certificateKind, type Certificate } from '#schemas/v1alpha1/certificate.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import type { Cache, CacheIndex } from '#runtime/manager/cache.ts';
import type { CertificateOrder } from './model.ts';
import { issuerIn, issuerTextOf } from './order-indexes.ts';

/** Who asks a CA. */
export interface Asking {
  readonly owner: Owner;
  readonly order: CertificateOrder;
  readonly nowMs: number;
}

/**
 * For how long CAs want to be asked no more (429, Retry-After). They do not say whether there are too many orders for a name, or of the account: who is refused is
 * held, and whoever asks for names below the same registered domain. When names of two registered domains are refused one after the other, their tenant is held;
 * when two tenants are, the account: no tenant holds up the others by names of its own. An order that is taken shows that it was not the account.
 */
export interface OrderRefusals {
  /** By which Certificates have to be found in the cache. */
  readonly reads: readonly { readonly kind: typeof certificateKind; readonly index: CacheIndex }[];
  /** Milliseconds since the epoch; `undefined`: the CA may be asked. */
  heldUntil(asking: Asking, cache: Cache): number | undefined;
  refused(asking: Asking, untilMs: number): void;
  taken(issuer: CertificateOrder['issuer'], nowMs: number): void;
}

interface Refusal {
  readonly uid: string;
  readonly namespace: string;
  /** That somebody registered above its names, sorted. */
  readonly domains: readonly string[];
  readonly atMs: number;
  readonly untilMs: number;
}

const BY_REFUSING = 'refusedByIssuer';

/** What Certificates tell of it outlives this process; what the cache does not show yet is remembered. `registrable` gives the domain that somebody registered above a name. */
export function createOrderRefusals(registrable: (dnsName: string) => string): OrderRefusals {
  const remembered = new Map<string, Map<string, Refusal>>();
  const takenAtMs = new Map<string, number>();
  const domainsOf = (dnsNames: readonly string[]): readonly string[] =>
    [...new Set(dnsNames.map(registrable))].toSorted();
  const tell = (certificate: Certificate): Refusal => ({
    ...toldBy(certificate),
    domains: domainsOf(certificate.spec.dnsNames),
  });
  const liveAt = (issuer: string, cache: Cache, nowMs: number): readonly Refusal[] => {
    const told = cache.byIndex(certificateKind, BY_REFUSING, issuer).map(tell);
    const own = [...(remembered.get(issuer)?.values() ?? [])].filter(({ untilMs }) => untilMs > nowMs);
    remembered.set(issuer, new Map(own.map((each) => [each.uid, each])));
    return [...told.filter(({ untilMs }) => untilMs > nowMs), ...own];
  };
  return {
    reads: [
      {
        kind: certificateKind,
        index: { name: BY_REFUSING, valuesOf: (object) => refusingIssuers(object as Certificate) },
      },
    ],
    heldUntil: ({ owner, order, nowMs }, cache) => {
      const issuer = issuerTextOf(order.issuer);
      const live = liveAt(issuer, cache, nowMs);
      const domains = domainsOf(order.dnsNames);
      const near = live.filter((each) => each.uid === owner.uid || each.domains.some((name) => domains.includes(name)));
      const since = live.filter(({ atMs }) => atMs >= (takenAtMs.get(issuer) ?? 0));
      const ofTenant = since.filter(({ namespace }) => namespace === owner.namespace);
      const times = [
        ...near.map(({ untilMs }) => untilMs),
        whileTwo(ofTenant, ({ domains: [first = ''] }) => first),
        whileTwo(since, ({ namespace }) => namespace),
      ];
      const latest = Math.max(...times);
      return latest > nowMs ? latest : undefined;
    },
    refused: ({ owner, order, nowMs }, untilMs) => {
      const issuer = issuerTextOf(order.issuer);
      const { uid, namespace } = owner;
      const refusal = { uid, namespace, domains: domainsOf(order.dnsNames), atMs: nowMs, untilMs };
      remembered.set(issuer, new Map(remembered.get(issuer)).set(uid, refusal));
    },
    taken: (issuer, nowMs) => void takenAtMs.set(issuerTextOf(issuer), nowMs),
  };
}

/** Until when two of different keys hold. */
function whileTwo(refusals: readonly Refusal[], keyOf: (refusal: Refusal) => string): number {
  const latest = new Map<string, number>();
  for (const each of refusals) latest.set(keyOf(each), Math.max(each.untilMs, latest.get(keyOf(each)) ?? 0));
  return [...latest.values()].toSorted((a, b) => b - a)[1] ?? 0;
}

function refusingIssuers(certificate: Certificate): readonly string[] {
  return certificate.status?.issuance?.refusedUntil === undefined ? [] : [issuerIn(certificate)];
}

function toldBy({ metadata, status = {} }: Certificate): Omit<Refusal, 'domains'> {
  const { issuance, lastFailureTime = '' } = status;
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    atMs: Date.parse(lastFailureTime) || 0,
    untilMs: Date.parse(issuance?.refusedUntil ?? '') || 0,
  };
}
