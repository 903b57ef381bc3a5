import { roleBindingKind, roleKind, secretKind } from '#schemas/meta/builtin.ts';
import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { dnsRecordKind } from '#schemas/v1alpha1/dns-record.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import {
  defineController,
  isPending,
  isRefused,
  type Desired,
  type Pending,
  type Watch,
} from '#runtime/manager/controller.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import { createDepartureDriver, isServed } from '#controllers/departure-driver.ts';
import { hostHolders } from '#controllers/host-holders.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { placeOf } from '#controllers/place.ts';
import { BY_WANTED_NAME, wantedNames } from '#controllers/wanted-names.ts';
import { hostsOf } from '#controllers/whereabouts.ts';
import { desiredClaim, desiredRights } from './cluster/desired.ts';
import { gatherZoneCluster } from './cluster/gather.ts';
import { desiredPackageRecords } from '#controllers/package-records.ts';
import { placingOf, type ZoneClusterInputs } from './cluster/inputs.ts';
import { createZoneKeysDriver, keysByZone, type ZoneKeys } from './cluster/keys-driver.ts';
import { zoneClusterStatus } from './cluster/status.ts';

/** What a Zone is made of in the API, in the order of creation. */
export type ZoneClusterDrivers<W> = {
  readonly claims: DriverOf<ReadonlyMap<string, string>, W>;
  /** Secrets with the keys. */
  readonly keys: DriverOf<ZoneKeys, W>;
  /** Role and RoleBinding for those Secrets. */
  readonly objects: DriverOf<Children, W>;
  /** DNSRecords that the tenant's package gives it. */
  readonly records: DriverOf<Children, W>;
  /** Whether the host is done with a deleted Zone. */
  readonly departure: DriverOf<boolean, W>;
};

const BY_ANCESTOR = 'zoneAncestor';
const BY_SECRET = 'secret';

/** A Zone in the API: its claim, its keys, its place, and the agent's rights to its Secrets. */
export function createZoneClusterController<W extends ClusterWorld>(parts: ClusterParts<W>) {
  const { ancestorsOf, judgeHostname } = parts;
  const gather = (zone: Zone, cache: Cache) => gatherZoneCluster(zone, cache, judgeHostname);
  const drivers: ZoneClusterDrivers<W> = {
    claims: parts.claims,
    keys: createZoneKeysDriver(),
    objects: createObjectsDriver({
      name: 'zone-rights',
      fieldManager: 'wcp360-zone-rights',
      kinds: [roleKind, roleBindingKind],
    }),
    records: createObjectsDriver({
      name: 'zone-records',
      fieldManager: 'wcp360-zone-records',
      kinds: [dnsRecordKind],
    }),
    departure: createDepartureDriver(zoneKind),
  };
  return defineController<typeof zoneKind, W, ZoneClusterDrivers<W>, ZoneClusterInputs>({
    name: 'zone.cluster',
    kind: zoneKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    holdsFor: (zone, cache) => {
      const inputs = gather(zone, cache);
      if (isPending(inputs) || isRefused(inputs)) return hostHolders(zone, { ...zone.status, isComing: false });
      const place = placeOf(zone, placingOf(inputs));
      return hostHolders(zone, { ...place, isComing: isComing(inputs) });
    },
    drivers,
    watches: zoneClusterWatches(ancestorsOf),
    indexes: [
      keysByZone,
      ...wantedNames,
      { kind: zoneKind, index: { name: BY_ANCESTOR, valuesOf: (zone) => ancestorsOf((zone as Zone).spec.name) } },
      { kind: zoneKind, index: { name: BY_SECRET, valuesOf: tsigSecretOf } },
    ],
    gather,
    desired: (zone, inputs) => ({
      claims: desiredClaim(inputs),
      keys: { numbers: inputs.wantedKeys, others: 'Stay' },
      objects: childrenOf(desiredRights(zone, inputs)),
      records: childrenOf(desiredPackageRecords(zone, inputs.packageRecords)),
      departure: false,
    }),
    afterDeletion: (zone, inputs) => afterDeletion(zone, inputs),
    status: zoneClusterStatus,
  });
}

/** The name stays the tenant's, and the agent its rights, until nothing answers for it any more: the next owner must not find the former one's zone. */
function afterDeletion<W>(zone: Zone, inputs: ZoneClusterInputs | undefined): Desired<ZoneClusterDrivers<W>> | Pending {
  const others = zone.spec.deletionPolicy === 'Delete' ? 'Go' : 'Stay';
  if (!isServed(zone))
    return {
      claims: new Map(),
      keys: { numbers: [], others },
      objects: new Map(),
      records: new Map(),
      departure: false,
    };
  if (inputs === undefined || inputs.lostHosts.length > 0) {
    return { pending: { reason: 'Deleting', message: 'The zone is taken down where it is answered first.' } };
  }
  return {
    claims: desiredClaim(inputs),
    keys: { numbers: [], others: 'Stay' },
    objects: childrenOf(desiredRights(zone, inputs)),
    records: childrenOf(desiredPackageRecords(zone, inputs.packageRecords)),
    departure: true,
  };
}

function isComing({ place, name, twin }: ZoneClusterInputs): boolean {
  return place.host !== undefined && name.state !== 'Refused' && twin === undefined;
}

function zoneClusterWatches(ancestorsOf: ClusterParts<never>['ancestorsOf']): readonly Watch[] {
  return [
    { kind: tenantKind, keysOf: (tenant, cache) => keysOf(cache.list(zoneKind, tenant.metadata.name)) },
    { kind: hostKind, keysOf: (host, cache) => keysOf(strandedOn(host as Host, cache)) },
    {
      kind: hostnameClaimKind,
      keysOf: (claim, cache) => keysOf(concernedBy((claim as HostnameClaim).spec, ancestorsOf, cache)),
    },
    // A Zone that goes makes room for another of its name.
    {
      kind: zoneKind,
      keysOf: (zone, cache) => keysOf(cache.byIndex(zoneKind, BY_WANTED_NAME, (zone as Zone).spec.name)),
    },
    { kind: secretKind, keysOf: zonesOfSecret },
  ];
}

function strandedOn({ metadata, spec }: Host, cache: Cache): readonly Zone[] {
  return spec.lost ? cache.list(zoneKind).filter((zone) => hostsOf(zone.status).includes(metadata.name)) : [];
}

/** Zones that want the name, and those of other tenants whose answer may hang on it: below it, and above it. */
function concernedBy(
  { hostname, tenantRef }: HostnameClaim['spec'],
  ancestorsOf: ClusterParts<never>['ancestorsOf'],
  cache: Cache,
): readonly Zone[] {
  const base = hostname.startsWith('*.') ? hostname.slice(2) : hostname;
  const below = cache.byIndex(zoneKind, BY_ANCESTOR, base);
  const above = ancestorsOf(hostname).flatMap((name) => cache.byIndex(zoneKind, BY_WANTED_NAME, name));
  const others = [...below, ...above].filter((zone) => zone.metadata.namespace !== tenantRef.name);
  return [...cache.byIndex(zoneKind, BY_WANTED_NAME, hostname), ...others];
}

function tsigSecretOf(zone: KubeObject): readonly string[] {
  const name = (zone as Zone).spec.transfer?.tsigSecretRef?.name;
  return name === undefined ? [] : [`${zone.metadata.namespace ?? ''}/${name}`];
}

function zonesOfSecret(secret: KubeObject, cache: Cache): readonly ObjectKey[] {
  const { namespace = '', name } = secret.metadata;
  const ofKey = /^(.+)-dnssec-\d{1,4}$/.exec(name)?.[1];
  return [
    ...keysOf(cache.byIndex(zoneKind, BY_SECRET, `${namespace}/${name}`)),
    ...(ofKey === undefined || cache.get(zoneKind, { namespace, name: ofKey }) === undefined
      ? []
      : [{ namespace, name: ofKey }]),
  ];
}

function keysOf(zones: readonly Zone[]): readonly ObjectKey[] {
  return zones.map((zone) => ({ namespace: zone.metadata.namespace, name: zone.metadata.name }));
}
