import { apiVersionOf } from '#schemas/meta/kind.ts';
import { nameHash } from '#schemas/meta/name-hash.ts';
import { LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { dnsRecordKind } from '#schemas/v1alpha1/dns-record.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { hostKind, publicAddressesOf, type Host } from '#schemas/v1alpha1/host.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { NameState } from '#controllers/claimed-name.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { nameWithin, stayingZones, zoneNamesFor, zoneOf } from '#controllers/zone-of.ts';

/** What a Domain has in the DNS. */
export interface DomainDns {
  /** Name of a Zone that is to be made, since none of the tenant's has the hostname. It stays when the Domain goes: other things hang on it. */
  readonly newZone?: string;
  /** Addresses of its names that lie in Zones of the tenant. */
  readonly records: readonly DerivedRecord[];
}

export interface DerivedRecord {
  readonly zone: string;
  /** Within the zone. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CAA' | 'TLSA';
  readonly values: readonly string[];
}

export const noDns: DomainDns = { records: [] };

interface Surroundings {
  readonly names: readonly NameState[];
  readonly host: string | undefined;
  readonly cache: Cache;
  readonly judge: ClusterParts<never>['judgeHostname'];
  readonly ancestorsOf: ClusterParts<never>['ancestorsOf'];
}

/** Nothing where nobody has said which addresses visitors reach the host under. A Zone is made only where the host has a name server; records are for whatever Zone is there. */
export function dnsOf(domain: Domain, around: Surroundings): DomainDns {
  const host = around.host === undefined ? undefined : around.cache.get(hostKind, { name: around.host });
  const addresses = addressesOf(host);
  if (domain.spec.dns.mode === 'None' || addresses.size === 0) return noDns;
  const zones = stayingZones(domain.metadata.namespace, around.cache);
  const made = host?.status?.capabilities?.dns === undefined ? {} : newZoneFor(domain, zones, around);
  return { ...made, records: recordsOf(addresses, { zones, around }) };
}

/** By the type of the record that says them. */
function addressesOf(host: Host | undefined): ReadonlyMap<'A' | 'AAAA', readonly string[]> {
  const addresses = host === undefined ? [] : publicAddressesOf(host);
  return Map.groupBy(addresses, (address) => (address.includes(':') ? 'AAAA' : 'A'));
}

interface Zones {
  readonly zones: readonly Zone[];
  readonly around: Surroundings;
}

function recordsOf(
  addresses: ReadonlyMap<'A' | 'AAAA', readonly string[]>,
  { zones, around }: Zones,
): readonly DerivedRecord[] {
  const bound = around.names.filter(({ state }) => state === 'Bound').map(({ hostname }) => hostname);
  return bound.flatMap((hostname) => recordsFor(hostname, addresses, { zones, around }));
}

function recordsFor(
  hostname: string,
  addresses: ReadonlyMap<'A' | 'AAAA', readonly string[]>,
  { zones, around }: Zones,
): readonly DerivedRecord[] {
  const zone = zoneOf(hostname, zones, around.ancestorsOf);
  if (zone === undefined) return [];
  const name = nameWithin(zone, hostname);
  return [...addresses].map(([type, values]) => ({ zone: zone.metadata.name, name, type, values }));
}

function newZoneFor(
  { metadata: { namespace = '' }, spec }: Domain,
  zones: readonly Zone[],
  around: Surroundings,
): Pick<DomainDns, 'newZone'> {
  const names = zoneNamesFor(spec.hostname, around.ancestorsOf);
  // One that was made for a Domain is applied again, as long as it is the one.
  const present = zones.find((zone) => names.includes(zone.spec.name));
  const registrable = names.at(-1) ?? spec.hostname;
  const isBound = around.names.some(({ hostname, state }) => hostname === spec.hostname && state === 'Bound');
  const isTaken = around.cache.get(zoneKind, { namespace, name: registrable }) !== undefined;
  const isRefused = around.judge(registrable, namespace, around.cache) !== undefined;
  return present !== undefined || !isBound || isTaken || isRefused ? {} : { newZone: registrable };
}

/** The Zone to be made: all else about it is its owner's to say. */
export function desiredZone({ metadata: { namespace = '' } }: Domain, { newZone }: DomainDns): readonly KubeObject[] {
  if (newZone === undefined) return [];
  const metadata = { name: newZone, namespace, labels: labelsOf(namespace) };
  return [{ apiVersion: apiVersionOf(zoneKind), kind: zoneKind.kind, metadata, spec: { name: newZone } }];
}

/** Records whose owner can be seen, and which go with the Domain. */
export function desiredRecords({ metadata }: Domain, { records }: DomainDns): readonly KubeObject[] {
  const { namespace = '', name: domain, uid = '' } = metadata;
  const owner = { apiVersion: apiVersionOf(domainKind), kind: domainKind.kind, name: domain, uid, controller: true };
  return records.map(({ zone, name, type, values }) => ({
    apiVersion: apiVersionOf(dnsRecordKind),
    kind: dnsRecordKind.kind,
    metadata: {
      name: `${domain}-${type.toLowerCase()}-${nameHash(`${name} ${zone}`).toString(16).padStart(8, '0')}`,
      namespace,
      labels: labelsOf(namespace),
      ...(uid === '' ? {} : { ownerReferences: [owner] }),
    },
    spec: { zoneRef: { name: zone }, name, type, values },
  }));
}

function labelsOf(tenant: string): Readonly<Record<string, string>> {
  return { [LABELS.tenant]: tenant, [LABELS.managedBy]: MANAGED_BY };
}
