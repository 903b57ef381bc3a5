import { certificateKind, type Certificate } from '#schemas/v1alpha1/certificate.ts';
import type { Cache, CacheIndex } from '#runtime/manager/cache.ts';
import type { CertificateOrder } from './model.ts';

/** How orders are counted without a look at every Certificate: with thousands there are, most have nothing to do with the next order. */
export interface OrderIndexes {
  readonly reads: readonly { readonly kind: typeof certificateKind; readonly index: CacheIndex }[];
  /** Certificates whose last order at the issuer was made since then; a few older ones may be among them. */
  ordered(
    issuer: string,
    cache: Cache,
    since: { readonly fromMs: number; readonly nowMs: number },
  ): readonly Certificate[];
  /** Those that wait for their order. */
  waiting(issuer: string, cache: Cache): readonly Certificate[];
  /** Those for names below a domain that somebody registered. */
  ofDomain(issuer: string, domain: string, cache: Cache): readonly Certificate[];
}

const BY_MINUTE = 'orderedInMinute';
const BY_WAITING = 'waitsForOrder';
const BY_DOMAIN = 'registeredDomain';
const minuteMs = 60_000;

/** `registrable` gives the domain that somebody registered above a name. */
export function createOrderIndexes(registrable: (dnsName: string) => string): OrderIndexes {
  const index = (name: string, valuesOf: (certificate: Certificate) => readonly string[]) => ({
    kind: certificateKind,
    index: { name, valuesOf: (object) => valuesOf(object as Certificate) } satisfies CacheIndex,
  });
  return {
    reads: [
      index(BY_MINUTE, (certificate) => {
        const atMs = orderedAtMs(certificate.status);
        return atMs === 0 ? [] : [`${issuerIn(certificate)} ${minuteOf(atMs)}`];
      }),
      index(BY_WAITING, (certificate) => {
        const { issuance } = certificate.status ?? {};
        const isWaiting = issuance !== undefined && issuance.orderIntendedAt === undefined;
        return isWaiting ? [issuerIn(certificate)] : [];
      }),
      index(BY_DOMAIN, (certificate) => {
        const domains = new Set(certificate.spec.dnsNames.map(registrable));
        return [...domains].map((domain) => `${issuerIn(certificate)} ${domain}`);
      }),
    ],
    ordered: (issuer, cache, { fromMs, nowMs }) => {
      const first = minuteOf(fromMs);
      // A clock may have been set back since.
      const minutes = Array.from({ length: minuteOf(nowMs) + 2 - first }, (_, n) => first + n);
      return minutes.flatMap((minute) => cache.byIndex(certificateKind, BY_MINUTE, `${issuer} ${minute}`));
    },
    waiting: (issuer, cache) => cache.byIndex(certificateKind, BY_WAITING, issuer),
    ofDomain: (issuer, domain, cache) => cache.byIndex(certificateKind, BY_DOMAIN, `${issuer} ${domain}`),
  };
}

/** `Issuer/acme/own`, `ClusterIssuer//letsencrypt`: who has an account. */
export function issuerTextOf({ kind, name, namespace }: CertificateOrder['issuer']): string {
  return issuerText(kind, name, namespace);
}

/** Likewise. */
export function issuerIn({ metadata, spec: { issuerRef } }: Certificate): string {
  return issuerText(issuerRef.kind, issuerRef.name, metadata.namespace ?? '');
}

function issuerText(kind: string, name: string, namespace: string): string {
  return `${kind}/${kind === 'Issuer' ? namespace : ''}/${name}`;
}

/** When it was ordered last, in ms since the epoch, at the end of the second that its status tells; 0 when it never was. */
export function orderedAtMs({ issuance, lastOrderAt }: NonNullable<Certificate['status']> = {}): number {
  const time = issuance?.orderIntendedAt ?? lastOrderAt;
  return time === undefined ? 0 : Date.parse(time) + 999;
}

function minuteOf(ms: number): number {
  return Math.floor(ms / minuteMs);
}
