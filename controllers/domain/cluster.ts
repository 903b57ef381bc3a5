import { clusterRoleKind, roleBindingKind, roleKind, secretKind } from '#schemas/meta/builtin.ts';
import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { dnsRecordKind } from '#schemas/v1alpha1/dns-record.ts';
import { certificateKind } from '#schemas/v1alpha1/certificate.ts';
import { clusterIssuerKind } from '#schemas/v1alpha1/cluster-issuer.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, isPending, type Desired, type Pending, type Watch } from '#runtime/manager/controller.ts';
import { hostHolders } from '#controllers/host-holders.ts';
import { hostOfRole } from '#controllers/host-rights.ts';
import { placeOf } from '#controllers/place.ts';
import { BY_WANTED_NAME, wantedNames, wantedNamesOf } from '#controllers/wanted-names.ts';
import { hostsOf } from '#controllers/whereabouts.ts';
import { domainsByKeepingHost, keptByObject, leavingDomainsOn } from '#controllers/kept-data.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import { createDepartureDriver, isServed } from '#controllers/departure-driver.ts';
import { desiredCertificate, desiredClaims, desiredKept, desiredRights } from './cluster/desired.ts';
import { desiredRecords, desiredZone } from './cluster/dns.ts';
import { gatherDomainCluster } from './cluster/gather.ts';
import { placingOf, type DomainClusterInputs } from './cluster/inputs.ts';
import { createLeftoversDriver, leftoversGo, leftoversStay, type Leftovers } from './cluster/leftovers-driver.ts';
import { domainClusterStatus } from './cluster/status.ts';
import { allSecretNamesOf } from './secrets.ts';

/** What a Domain is made of in the API, in the order of creation. */
export type DomainClusterDrivers<W> = {
  readonly claims: DriverOf<ReadonlyMap<string, string>, W>;
  /** Role and RoleBinding for the Secrets that the Domain refers to. */
  readonly objects: DriverOf<Children, W>;
  /** The Certificate. */
  readonly certificate: DriverOf<Children, W>;
  /** RetainedData: what tells of the files that a deleted Domain leaves. It stays when the Domain goes. */
  readonly kept: DriverOf<Children, W>;
  /** RetainedData once more: what there still is of it when the Domain's files are to go with it. */
  readonly leftovers: DriverOf<Leftovers, W>;
  /** A Zone for its names, which stays. */
  readonly zone: DriverOf<Children, W>;
  /** DNSRecords that point its names at the host. */
  readonly records: DriverOf<Children, W>;
  /** Whether the host is done with a deleted Domain. */
  readonly departure: DriverOf<boolean, W>;
};

const BY_ANCESTOR = 'ancestor';
const BY_SECRET = 'secret';

/** A Domain in the API: its claims, its place, and the agent's rights to its Secrets. */
export function createDomainClusterController<W extends ClusterWorld>(parts: ClusterParts<W>) {
  const { ancestorsOf } = parts;
  const drivers = driversOf(parts);
  return defineController<typeof domainKind, W, DomainClusterDrivers<W>, DomainClusterInputs>({
    name: 'domain.cluster',
    kind: domainKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    holdsFor: (domain, cache) => {
      const inputs = gatherDomainCluster(domain, cache, parts);
      if (isPending(inputs)) return hostHolders(domain, { ...domain.status, isComing: false });
      return hostHolders(domain, { ...placeOf(domain, placingOf(inputs)), isComing: isComing(inputs) });
    },
    drivers,
    watches: watchesOf(ancestorsOf),
    indexes: indexesOf(ancestorsOf),
    gather: (domain, cache) => gatherDomainCluster(domain, cache, parts),
    desired: (domain, inputs) => ({
      claims: desiredClaims(inputs),
      objects: childrenOf(desiredRights(domain, inputs)),
      certificate: childrenOf(desiredCertificate(domain, inputs)),
      kept: childrenOf(desiredKept(domain, inputs)),
      leftovers: leftoversStay,
      zone: childrenOf(desiredZone(domain, inputs.dns)),
      records: childrenOf(desiredRecords(domain, inputs.dns)),
      departure: false,
    }),
    afterDeletion: (domain, inputs) => afterDeletion(domain, inputs),
    status: domainClusterStatus,
  });
}

function driversOf<W extends ClusterWorld>({ claims }: ClusterParts<W>): DomainClusterDrivers<W> {
  return {
    claims,
    objects: createObjectsDriver({
      name: 'domain-rights',
      fieldManager: 'wcp360-domain-rights',
      kinds: [roleKind, roleBindingKind],
    }),
    certificate: createObjectsDriver({
      name: 'domain-certificate',
      fieldManager: 'wcp360-domain-certificate',
      kinds: [certificateKind],
    }),
    kept: createObjectsDriver({
      name: 'domain-kept',
      fieldManager: 'wcp360-domain-kept',
      kinds: [retainedDataKind],
      // It goes when the host has handed the files back, or purged them.
      leavesUnwanted: true,
    }),
    zone: createObjectsDriver({
      name: 'domain-zone',
      fieldManager: 'wcp360-domain-zone',
      kinds: [zoneKind],
      leavesUnwanted: true,
    }),
    records: createObjectsDriver({
      name: 'domain-records',
      fieldManager: 'wcp360-domain-records',
      kinds: [dnsRecordKind],
    }),
    leftovers: createLeftoversDriver(),
    departure: createDepartureDriver(domainKind),
  };
}

/** The names stay the tenant's, and the agent its rights, until nothing serves them any more: the next owner must not find the former one's site. */
function afterDeletion<W>(
  domain: Domain,
  inputs: DomainClusterInputs | undefined,
): Desired<DomainClusterDrivers<W>> | Pending {
  const unnamed = { zone: new Map(), records: new Map() };
  if (!isServed(domain)) {
    const leftovers = domain.spec.deletionPolicy === 'Retain' ? leftoversStay : leftoversGo;
    return { ...nothingLeft, ...unnamed, leftovers };
  }
  if (inputs === undefined || inputs.lostHosts.length > 0) {
    return { pending: { reason: 'Deleting', message: 'The host takes the site down first.' } };
  }
  return {
    claims: desiredClaims(inputs),
    objects: childrenOf(desiredRights(domain, inputs)),
    certificate: childrenOf(desiredCertificate(domain, inputs)),
    kept: childrenOf(desiredKept(domain, inputs)),
    ...unnamed,
    leftovers: leftoversStay,
    departure: true,
  };
}

const nothingLeft = {
  claims: new Map(),
  objects: new Map(),
  certificate: new Map(),
  kept: new Map(),
  departure: false,
} as const;

/** The Domain can be given to the tenant's host as soon as its names are bound, or it has a preview. */
function isComing({ place, names, previewHostname }: DomainClusterInputs): boolean {
  const mayBeServed = previewHostname !== undefined || names.some(({ state }) => state !== 'Refused');
  return place.host !== undefined && mayBeServed;
}

function indexesOf(ancestorsOf: ClusterParts<never>['ancestorsOf']) {
  return [
    ...wantedNames,
    {
      kind: domainKind,
      index: {
        name: BY_ANCESTOR,
        valuesOf: (domain: KubeObject) => [...new Set(wantedNamesOf(domain).flatMap(ancestorsOf))],
      },
    },
    { kind: domainKind, index: { name: BY_SECRET, valuesOf: secretKeysOf } },
    domainsByKeepingHost,
    keptByObject,
  ];
}

function watchesOf(ancestorsOf: ClusterParts<never>['ancestorsOf']): readonly Watch[] {
  return [
    { kind: tenantKind, keysOf: (tenant, cache) => keysOf(cache.list(domainKind, tenant.metadata.name)) },
    {
      kind: hostKind,
      keysOf: (host, cache) => keysOf([...strandedOn(host as Host, cache), ...pointedAt(host as Host, cache)]),
    },
    {
      kind: zoneKind,
      keysOf: (zone, cache) =>
        isComingOrGoing(zone as Zone) ? keysOf(cache.list(domainKind, zone.metadata.namespace)) : [],
    },
    { kind: dnsRecordKind, keysOf: ownerOfRecord },
    {
      kind: hostnameClaimKind,
      keysOf: (claim, cache) => {
        const { hostname } = (claim as HostnameClaim).spec;
        return concernedBy(claim as HostnameClaim, ancestorsOf(hostname), cache);
      },
    },
    {
      kind: clusterRoleKind,
      keysOf: ({ metadata }, cache) => keysOf(leavingDomainsOn(hostOfRole(metadata.name) ?? '', cache)),
    },
    // Most have the name of their Domain; a Domain that is not there is looked for in vain.
    {
      kind: certificateKind,
      keysOf: ({ metadata: { namespace, name } }) => [{ namespace, name }],
    },
    { kind: clusterIssuerKind, keysOf: (_issuer, cache) => keysOf(cache.list(domainKind)) },
    { kind: secretKind, keysOf: (secret, cache) => keysOf(cache.byIndex(domainKind, BY_SECRET, secretKeyOf(secret))) },
  ];
}

/** Domains that are on a host that is lost, go to it, or have left something there. */
function strandedOn({ metadata, spec }: Host, cache: Cache): readonly Domain[] {
  return spec.lost ? cache.list(domainKind).filter((domain) => hostsOf(domain.status).includes(metadata.name)) : [];
}

/** Domains whose names the DNS points at the host. */
function pointedAt({ metadata, spec }: Host, cache: Cache): readonly Domain[] {
  if (spec.addresses.length === 0) return [];
  return cache.list(domainKind).filter((domain) => domain.status?.host === metadata.name);
}

/** A Zone that is there says nothing new to Domains with each of its serial numbers. */
function isComingOrGoing({ metadata, status }: Zone): boolean {
  return metadata.deletionTimestamp !== undefined || status?.serial === undefined;
}

function ownerOfRecord({ metadata }: KubeObject): readonly ObjectKey[] {
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === domainKind.kind);
  return owner === undefined ? [] : [{ namespace: metadata.namespace, name: owner.name }];
}

function secretKeyOf(secret: KubeObject): string {
  return `${secret.metadata.namespace ?? ''}/${secret.metadata.name}`;
}

function secretKeysOf(domain: KubeObject): readonly string[] {
  return allSecretNamesOf(domain as Domain).map((name) => `${domain.metadata.namespace ?? ''}/${name}`);
}

/** Domains that want the name, and those of other tenants whose answer may hang on it: below it, and above it. */
function concernedBy(claim: HostnameClaim, ancestors: readonly string[], cache: Cache): readonly ObjectKey[] {
  const { hostname, tenantRef } = claim.spec;
  const base = hostname.startsWith('*.') ? hostname.slice(2) : hostname;
  const below = cache.byIndex(domainKind, BY_ANCESTOR, base);
  const above = ancestors
    .flatMap((name) => [name, `*.${name}`])
    .flatMap((name) => cache.byIndex(domainKind, BY_WANTED_NAME, name));
  const others = [...below, ...above].filter((domain) => domain.metadata.namespace !== tenantRef.name);
  return keysOf([...cache.byIndex(domainKind, BY_WANTED_NAME, hostname), ...others]);
}

function keysOf(domains: readonly Domain[]): readonly ObjectKey[] {
  return domains.map((domain) => ({ namespace: domain.metadata.namespace, name: domain.metadata.name }));
}
