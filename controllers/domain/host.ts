import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { SiteTable } from '#runtime/drivers/nginx/model.ts';
import type { PhpPools } from '#runtime/drivers/php-fpm/model.ts';
import type { Shells } from '#runtime/drivers/shells/index.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Desired, type Pending, type Watch } from '#runtime/manager/controller.ts';
import { keptByObject } from '#controllers/kept-data.ts';
import { inCharge, noKeeping, type Keeping } from '#controllers/kept-driver.ts';
import type { DriverOf, HostParts, HostWorld } from '#controllers/parts.ts';
import { desiredPools, desiredTree, keptTree } from './host/desired.ts';
import { gatherDomain } from './host/gather.ts';
import type { DomainHostInputs, LeavingInputs } from './host/inputs.ts';
import { createDomainKept } from './host/kept.ts';
import { probeDomain } from './host/probe.ts';
import { desiredSites, isClosed } from './host/sites.ts';
import { domainHostStatus } from './host/status.ts';

/** What a Domain is made of on a host, in the order of creation; deletion goes backwards. */
export type DomainHostDrivers<W> = {
  readonly tree: DriverOf<Tree, W>;
  readonly phpFpm: DriverOf<PhpPools, W>;
  readonly nginx: DriverOf<SiteTable, W>;
  /** RetainedData: takes the files over before the Domain goes, and goes itself once they are back in place. */
  readonly kept: DriverOf<Keeping, W>;
};

type DomainHomeDrivers<W> = DomainHostDrivers<W> & {
  /** Programs that people run as the tenant. */
  readonly shells: DriverOf<Shells, W>;
};

/** A Domain on the host that it is placed on: its directory, its PHP, its records in the front. */
export function createDomainHostController<W extends HostWorld>(parts: HostParts<W>) {
  const { hostName, tree, phpFpm, nginx, shells, front } = parts;
  const drivers: DomainHomeDrivers<W> = { tree, phpFpm, nginx, kept: createDomainKept(hostName), shells };
  return defineController<typeof domainKind, W, DomainHomeDrivers<W>, DomainHostInputs>({
    name: 'domain.host',
    kind: domainKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers,
    watches: domainHostWatches,
    indexes: [keptByObject],
    concerns: (domain) => domain.status?.host === hostName,
    gather: (domain, cache) => gatherDomain(hostName, domain, cache),
    desired: (domain, inputs) => ({
      tree: desiredTree(domain, inputs),
      phpFpm: desiredPools(domain, inputs),
      nginx: desiredSites(domain, inputs),
      kept: noKeeping,
      shells: inputs.isStill ? 'Still' : 'Free',
    }),
    afterDeletion: (domain, inputs) => afterDeletion(domain, inputs),
    driftPolicy: (domain) => domain.spec.drift,
    isImposed: (_domain, inputs) => isClosed(inputs),
    status: domainHostStatus,
    probe: (domain, inputs, world, signal) => probeDomain(domain, inputs, { world, front, signal }),
  });
}

export const domainHostWatches: readonly Watch[] = [
  {
    kind: tenantKind,
    keysOf: (tenant, cache) => cache.list(domainKind, tenant.metadata.name).map(keyOf),
  },
  { kind: hostKind, keysOf: (_host, cache) => cache.list(domainKind).map(keyOf) },
  { kind: retainedDataKind, keysOf: (changed) => domainKeyOf(changed) },
  // The sandbox of PHP shows where Debian's own servers listen.
  { kind: databaseServerKind, keysOf: (server, cache) => seers(server as DatabaseServer, cache).map(keyOf) },
];

function seers({ spec }: DatabaseServer, cache: Cache): readonly Domain[] {
  return spec.host === undefined ? [] : cache.list(domainKind).filter((domain) => domain.spec.php !== undefined);
}

function keyOf(domain: Domain): ObjectKey {
  return { namespace: domain.metadata.namespace, name: domain.metadata.name };
}

function domainKeyOf(changed: KubeObject): readonly ObjectKey[] {
  const { objectRef } = (changed as RetainedData).spec;
  return objectRef.kind === 'Domain' ? [{ namespace: objectRef.namespace, name: objectRef.name }] : [];
}

/** Nothing is taken down before it is known whose the files are: a tenant that is gone for a moment costs nobody their data. */
function afterDeletion<W>(
  domain: Domain,
  inputs: DomainHostInputs | undefined,
): Desired<DomainHomeDrivers<W>> | Pending {
  if (inputs === undefined) return unknownTenant;
  const isRetained = domain.spec.deletionPolicy === 'Retain';
  return { ...(isRetained ? leavingFiles(domain, inputs) : nothingLeft), shells: 'Free' };
}

/** Why nothing is taken down yet. */
export const unknownTenant: Pending = {
  pending: { reason: 'TenantNotReady', message: 'The site is taken down once its tenant and host are known.' },
};

const nothingLeft = {
  tree: { directories: new Map(), kept: new Map() },
  phpFpm: new Map(),
  nginx: new Map(),
  kept: noKeeping,
};

/** A site that is here no longer stops at once; its files are moved aside when there is an object that tells of them. */
export function leavingFiles<W>(domain: Domain, inputs: LeavingInputs): Desired<DomainHostDrivers<W>> {
  return {
    tree: inputs.isNoted ? keptTree(domain) : desiredTree(domain, inputs),
    phpFpm: new Map(),
    nginx: new Map(),
    kept: inCharge,
  };
}
