import { rootedName } from '#schemas/meta/record-content.ts';
import { hostKind, publicAddressesOf, type Host } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import type { ZoneSettings } from '#runtime/drivers/powerdns/index.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import type { Candidate } from '#controllers/settled-name.ts';
import { recordsIn, settleRecords, ttlSecondsOf } from '#controllers/zone-records.ts';
import type { ZoneHostInputs } from './inputs.ts';

/** Reads what the zone is answered with: its records, and what every zone has. */
export function gatherZone(hostName: string, zone: Zone, cache: Cache): ZoneHostInputs | Pending {
  const host = cache.get(hostKind, { name: hostName });
  if (host?.status?.root === undefined) {
    return { pending: { reason: 'HostNotReady', message: `Host ${hostName} has not told yet what it has.` } };
  }
  if (host.status.capabilities?.dns === undefined) {
    return { pending: { reason: 'DnsMissing', message: `Host ${hostName} has no name server.` } };
  }
  const settings = settingsOf(zone, cache);
  if (isPending(settings)) return settings;
  const nameservers = nameserversOf(zone, cache);
  const { sets, verdicts } = settleRecords(zone, recordsIn(zone, cache), everyZone(zone, nameservers, host));
  const unanswered = [...verdicts].filter(([, { isAnswered }]) => !isAnswered).map(([name]) => name);
  return { zone: rootedName(zone.spec.name), nameservers, settings, records: sets, unanswered: unanswered.toSorted() };
}

/** The zone's own, else those of the tenant's package, else one below the zone itself. */
function nameserversOf({ metadata, spec }: Zone, cache: Cache): readonly string[] {
  if (spec.nameservers.length > 0) return spec.nameservers;
  const ofPackage =
    cache.get(tenantKind, { name: metadata.namespace ?? '' })?.status?.effective?.dns?.nameservers ?? [];
  return ofPackage.length > 0 ? ofPackage : [`ns1.${spec.name}`];
}

function settingsOf(zone: Zone, cache: Cache): ZoneSettings | Pending {
  const keys = keysOf(zone);
  if (keys === undefined) {
    return { pending: { reason: 'KeyMissing', message: 'The key that the zone is signed with is being made.' } };
  }
  const transfer = transferOf(zone, cache);
  if (isPending(transfer)) return transfer;
  return { keys, transfer, ...(zone.spec.catalog === true ? { isCatalog: true } : {}) };
}

function keysOf({ metadata: { namespace = '' }, spec, status }: Zone): ZoneSettings['keys'] | undefined {
  if (!spec.dnssec.enabled) return [];
  const keys = status?.dnssec?.keys ?? [];
  if (keys.length === 0) return undefined;
  return keys.map(({ secretName, dnskey }) => ({ secret: { namespace, name: secretName }, dnskey }));
}

function transferOf(zone: Zone, cache: Cache): ZoneSettings['transfer'] | Pending {
  const { name } = zone.spec.transfer?.catalogRef ?? {};
  const { namespace } = zone.metadata;
  if (name === undefined) return ownTransferOf(zone);
  const catalog = cache.get(zoneKind, { namespace, name });
  if (catalog?.spec.catalog !== true || catalog.status?.servedBy === undefined) {
    const message = `Zone ${name} is not there, not answered yet, or no catalog.`;
    return { pending: { reason: 'CatalogNotReady', message } };
  }
  const transfer = ownTransferOf(catalog);
  return isPending(transfer) ? transfer : { ...transfer, catalog: rootedName(catalog.spec.name) };
}

function ownTransferOf({ metadata: { namespace = '' }, spec, status }: Zone): ZoneSettings['transfer'] | Pending {
  const { to = [], tsigSecretRef } = spec.transfer ?? {};
  const addresses = to.toSorted();
  if (tsigSecretRef === undefined) return { to: addresses };
  const { name } = tsigSecretRef;
  const resourceVersion = status?.tsigSecretVersion ?? '';
  if (resourceVersion === '') return { pending: { reason: 'SecretNotFound', message: `Secret ${name} is not there.` } };
  return { to: addresses, tsig: { namespace, name, resourceVersion } };
}

const timers = '10800 3600 604800';
/** How long others may remember that a name is not there: no longer than an hour. */
const mostNegativeSeconds = 3_600;

/** SOA and NS, and the addresses of name servers that lie in the zone. */
function everyZone({ spec }: Zone, nameservers: readonly string[], host: Host): readonly Candidate[] {
  const zone = rootedName(spec.name);
  const ttlSeconds = ttlSecondsOf(spec.ttl);
  const primary = rootedName(nameservers[0] ?? '');
  const negativeSeconds = Math.min(ttlSeconds, mostNegativeSeconds);
  const candidate = (name: string, type: string, contents: readonly string[]): Candidate => ({
    source: 'Platform',
    object: '',
    createdAt: '',
    name,
    type,
    set: { ttlSeconds, contents: contents.toSorted() },
  });
  const inside = nameservers.map(rootedName).filter((name) => name.endsWith(`.${zone}`));
  return [
    candidate(zone, 'SOA', [`${primary} hostmaster.${zone} 0 ${timers} ${negativeSeconds}`]),
    candidate(zone, 'NS', nameservers.map(rootedName)),
    ...inside.flatMap((name) =>
      [...Map.groupBy(publicAddressesOf(host), addressType)].map(([type, addresses]) =>
        candidate(name, type, addresses),
      ),
    ),
  ];
}

function addressType(address: string): 'A' | 'AAAA' {
  return address.includes(':') ? 'AAAA' : 'A';
}
