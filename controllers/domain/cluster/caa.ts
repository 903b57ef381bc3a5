import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { Zone } from '#schemas/v1alpha1/zone.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { issuerOf } from '#controllers/issuer-use.ts';
import { isRecordValue } from '#controllers/record-value.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { nameWithin, stayingZones, zoneOf } from '#controllers/zone-of.ts';
import type { DerivedRecord } from './dns.ts';
import type { TlsInputs } from './tls.ts';

interface Surroundings {
  readonly cache: Cache;
  readonly ancestorsOf: ClusterParts<never>['ancestorsOf'];
}

/** Records that let only the CA of the Domain's issuer certify the names that it orders a certificate for, in Zones of the tenant; none where the CA tells no name. */
export function caaRecordsOf(
  { metadata: { namespace = '' }, spec }: Domain,
  order: TlsInputs['order'],
  { cache, ancestorsOf }: Surroundings,
): readonly DerivedRecord[] {
  if (order === undefined || spec.dns.caa === 'None') return [];
  const names = issuerOf(order.issuerRef, namespace, cache)?.status?.acme?.caaIdentities ?? [];
  const zones = stayingZones(namespace, cache);
  const byBase = Map.groupBy(order.dnsNames, (hostname) => hostname.replace(/^[*][.]/, ''));
  return [...byBase].flatMap(([base, hostnames]) => {
    const zone = zoneOf(base, zones, ancestorsOf);
    const values = valuesFor(hostnames, names);
    if (zone === undefined || values.length === 0 || (isApex(zone, base) && spec.dns.caa !== 'All')) return [];
    return [{ zone: zone.metadata.name, name: nameWithin(zone, base), type: 'CAA' as const, values }];
  });
}

function isApex({ spec }: Zone, name: string): boolean {
  return spec.name === name;
}

function valuesFor(hostnames: readonly string[], names: readonly string[]): readonly string[] {
  const tags = [...new Set(hostnames.map((hostname) => (hostname.startsWith('*.') ? 'issuewild' : 'issue')))];
  return tags
    .flatMap((tag) => names.map((name) => `0 ${tag} "${name}"`))
    .filter((value) => isRecordValue('CAA', value))
    .toSorted();
}
