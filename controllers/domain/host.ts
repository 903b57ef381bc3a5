import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { SiteTable } from '#runtime/drivers/nginx/model.ts';
import type { PhpPools } from '#runtime/drivers/php-fpm/model.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { defineController, type Desired, type Pending, type Watch } from '#runtime/manager/controller.ts';
import type { DriverOf, HostParts, HostWorld } from '#controllers/parts.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import { desiredPools, desiredTree, treeAfterDeletion } from './host/desired.ts';
import { gatherDomain } from './host/gather.ts';
import type { DomainHostInputs } from './host/inputs.ts';
import { createNotedDriver } from './host/noted-driver.ts';
import { probeDomain } from './host/probe.ts';
import { retainedDataOf } from './host/retained.ts';
import { desiredSites } from './host/sites.ts';
import { domainHostStatus } from './host/status.ts';

/** What a Domain is made of on a host, in the order of creation; deletion goes backwards. */
export type DomainHostDrivers<W> = {
  readonly tree: DriverOf<Tree, W>;
  readonly phpFpm: DriverOf<PhpPools, W>;
  readonly nginx: DriverOf<SiteTable, W>;
  /** RetainedData: stands before anything is taken down, goes once the files are back in place. */
  readonly kept: DriverOf<Children, W>;
  /** Whether the RetainedData has taken the files over. */
  readonly noted: DriverOf<boolean, W>;
};

/** A Domain on the host that it is placed on: its directory, its PHP, its records in the front. */
export function createDomainHostController<W extends HostWorld>(parts: HostParts<W>) {
  const { hostName, tree, phpFpm, nginx, probeSite } = parts;
  const kept = createObjectsDriver<'domain-kept', W>({
    name: 'domain-kept',
    fieldManager: 'wcp360-domain-kept',
    kinds: [retainedDataKind],
  });
  const drivers: DomainHostDrivers<W> = { tree, phpFpm, nginx, kept, noted: createNotedDriver() };
  return defineController<typeof domainKind, W, DomainHostDrivers<W>, DomainHostInputs>({
    name: 'domain.host',
    kind: domainKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers,
    watches: domainHostWatches,
    concerns: (domain) => domain.status?.host === hostName,
    gather: (domain, cache) => gatherDomain(hostName, domain, cache),
    desired: (domain, inputs) => ({
      tree: desiredTree(domain, inputs),
      phpFpm: desiredPools(domain, inputs),
      nginx: desiredSites(domain, inputs),
      kept: kept.nothing,
      noted: false,
    }),
    afterDeletion: (domain, inputs) => afterDeletion(hostName, domain, inputs),
    driftPolicy: (domain) => domain.spec.drift,
    status: domainHostStatus,
    probe: (domain, inputs, world, signal) => probeDomain(domain, inputs, { world, probeSite, signal }),
  });
}

const domainHostWatches: readonly Watch[] = [
  {
    kind: tenantKind,
    keysOf: (tenant, cache) => cache.list(domainKind, tenant.metadata.name).map(keyOf),
  },
  { kind: hostKind, keysOf: (_host, cache) => cache.list(domainKind).map(keyOf) },
  { kind: retainedDataKind, keysOf: (changed) => domainKeyOf(changed) },
];

function keyOf(domain: Domain): ObjectKey {
  return { namespace: domain.metadata.namespace, name: domain.metadata.name };
}

function domainKeyOf(changed: KubeObject): readonly ObjectKey[] {
  const { objectRef } = (changed as RetainedData).spec;
  return objectRef.kind === 'Domain' ? [{ namespace: objectRef.namespace, name: objectRef.name }] : [];
}

/** Nothing is taken down before it is known whose the files are: a tenant that is gone for a moment costs nobody their data. */
function afterDeletion<W>(
  hostName: string,
  domain: Domain,
  inputs: DomainHostInputs | undefined,
): Desired<DomainHostDrivers<W>> | Pending {
  if (inputs === undefined) {
    return {
      pending: { reason: 'TenantNotReady', message: 'The site is taken down once its tenant and host are known.' },
    };
  }
  const isRetained = domain.spec.deletionPolicy === 'Retain';
  return {
    tree: treeAfterDeletion(domain),
    phpFpm: new Map(),
    nginx: new Map(),
    noted: isRetained,
    kept: childrenOf(isRetained ? [retainedDataOf(domain, hostName, inputs.accountId)] : []),
  };
}
