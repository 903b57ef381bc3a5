import { FINALIZERS, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { leaseKind, secretKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Desired, type Pending, type Watch } from '#runtime/manager/controller.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import { hostsOf } from '#controllers/whereabouts.ts';
import { keepingHostsOf } from '#controllers/kept-data.ts';
import { keepingHostsOf as keepingHostsOfDatabase } from '#controllers/kept-databases.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { desiredChildren, HOST_CHILD_KINDS } from './cluster/desired.ts';
import { gatherHostCluster, hostIndexes } from './cluster/gather.ts';
import { createHeartbeats } from './cluster/heartbeats.ts';
import type { HostClusterInputs } from './cluster/inputs.ts';
import { hostClusterStatus } from './cluster/status.ts';

/** What a Host is made of in the API. */
export type HostClusterDrivers<W> = {
  /** Its Lease, and the roles of its agent. */
  readonly objects: DriverOf<Children, W>;
};

/** A little later than the grace, so that whoever looks then finds it over. */
const marginMs = 100;

/** A Host in the API: what its agent may do, and whether anything is heard of it. */
export function createHostClusterController<W extends ClusterWorld>({ uptimeMs, hostGraceMs }: ClusterParts<W>) {
  const heartbeats = createHeartbeats(uptimeMs);
  const drivers: HostClusterDrivers<W> = {
    objects: createObjectsDriver({
      name: 'host-objects',
      fieldManager: 'wcp360-host-objects',
      kinds: HOST_CHILD_KINDS,
    }),
  };
  return defineController<typeof hostKind, W, HostClusterDrivers<W>, HostClusterInputs>({
    name: 'host.cluster',
    kind: hostKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    drivers,
    watches: hostClusterWatches,
    indexes: hostIndexes,
    gather: (host, cache) => gatherHostCluster(host, cache, { heartbeats, graceMs: hostGraceMs }),
    desired: (host, inputs) => ({ objects: childrenOf(desiredChildren(host, inputs.charges)) }),
    afterDeletion: (_host, inputs) => afterDeletion(inputs),
    status: hostClusterStatus,
    due: (_host, now) => now + hostGraceMs + marginMs,
  });
}

/** A host goes when nobody is on it any more: its agent takes down what it has only as long as it may. */
function afterDeletion<W>(inputs: HostClusterInputs | undefined): Desired<HostClusterDrivers<W>> | Pending {
  const left = inputs?.charges.tenants.length ?? 0;
  if (left === 0) return { objects: new Map() };
  const message = `${left} tenants are on the host. Move them (wcpctl host drain), or declare it lost (spec.lost) if the machine is gone.`;
  return { pending: { reason: 'TenantsLeft', message } };
}

const hostClusterWatches: readonly Watch[] = [
  { kind: leaseKind, keysOf: ({ metadata }) => hostOfLease(metadata) },
  { kind: tenantKind, keysOf: (tenant) => keysOf(hostsOf((tenant as Tenant).status)) },
  { kind: domainKind, keysOf: (domain) => keysOf(keepingHostsOf(domain as Domain)) },
  { kind: databaseKind, keysOf: (database) => keysOf(keepingHostsOfDatabase(database as Database)) },
  { kind: retainedDataKind, keysOf: (kept) => keysOf([(kept as RetainedData).spec.host]) },
  {
    kind: secretKind,
    keysOf: ({ metadata: { namespace, name } }, cache) =>
      namespace === SYSTEM_NAMESPACE ? panelsWith(({ tls }) => tls.secretRef.name === name, cache) : [],
  },
  {
    kind: hostnameClaimKind,
    keysOf: (claim, cache) => panelsWith(({ hostname }) => hostname === (claim as HostnameClaim).spec.hostname, cache),
  },
];

type Panel = NonNullable<Host['spec']['panel']>;

function panelsWith(isMeant: (panel: Panel) => boolean, cache: Cache): readonly ObjectKey[] {
  const hosts = cache.list(hostKind).filter(({ spec }) => spec.panel !== undefined && isMeant(spec.panel));
  return hosts.map(({ metadata: { name } }) => ({ name }));
}

function hostOfLease({ name, namespace }: KubeObject['metadata']): readonly ObjectKey[] {
  return namespace === SYSTEM_NAMESPACE && name.startsWith('host-') ? [{ name: name.slice('host-'.length) }] : [];
}

function keysOf(hosts: readonly (string | undefined)[]): readonly ObjectKey[] {
  return hosts.flatMap((name) => (name === undefined ? [] : [{ name }]));
}
