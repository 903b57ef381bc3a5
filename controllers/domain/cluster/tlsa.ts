import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { nameWithin, stayingZones, zoneOf } from '#controllers/zone-of.ts';
import type { DerivedRecord } from './dns.ts';
import type { TlsInputs } from './tls.ts';

/** The key itself, whoever vouches for it, by its SHA-256 (RFC 6698 §2.1: DANE-EE, SPKI, SHA-256). */
const pinned = '3 1 1';

/** Records that pin the key of the certificate that the Domain makes, where its names lie in signed Zones of the tenant; not for wildcards. */
export function tlsaRecordsOf(
  { metadata: { namespace }, spec }: Domain,
  tls: TlsInputs | undefined,
  { cache, ancestorsOf }: { readonly cache: Cache; readonly ancestorsOf: ClusterParts<never>['ancestorsOf'] },
): readonly DerivedRecord[] {
  const { order, publicKeyDigest } = tls ?? {};
  if (order === undefined || publicKeyDigest === undefined || spec.dns.tlsa === 'None') return [];
  const zones = stayingZones(namespace, cache).filter((zone) => zone.spec.dnssec.enabled);
  return order.dnsNames.flatMap((hostname) => {
    const zone = hostname.startsWith('*.') ? undefined : zoneOf(hostname, zones, ancestorsOf);
    if (zone === undefined) return [];
    const within = nameWithin(zone, hostname);
    const name = within === '@' ? '_443._tcp' : `_443._tcp.${within}`;
    return [{ zone: zone.metadata.name, name, type: 'TLSA' as const, values: [`${pinned} ${publicKeyDigest}`] }];
  });
}
