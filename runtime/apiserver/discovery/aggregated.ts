import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { groupsOf, type GroupVersions } from './groups.ts';

/** Versions of `apidiscovery.k8s.io` that a client may ask for. */
export type DiscoveryVersion = 'v2' | 'v2beta1';

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface SubresourceDiscovery {
  readonly subresource: string;
  readonly responseKind: GroupVersionKind;
  readonly verbs: readonly string[];
}

interface ResourceDiscovery {
  readonly resource: string;
  /** Of empty words where subresources only are served: older clients fall over one that is not there. */
  readonly responseKind: GroupVersionKind;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly singularResource: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly SubresourceDiscovery[];
}

interface GroupDiscovery {
  readonly metadata: { readonly name?: string; readonly creationTimestamp: null };
  readonly versions: readonly {
    readonly version: string;
    readonly freshness: 'Current';
    readonly resources: readonly ResourceDiscovery[];
  }[];
}

/** The body of aggregated discovery (KEP-3352); the same shape in both of its versions. */
export interface GroupDiscoveryList {
  readonly kind: 'APIGroupDiscoveryList';
  readonly apiVersion: `apidiscovery.k8s.io/${DiscoveryVersion}`;
  readonly metadata: Readonly<Record<string, never>>;
  readonly items: readonly GroupDiscovery[];
}

/** The answer to `/api` (`root: 'api'`, the core group) or `/apis` (all others) for clients that accept aggregated discovery. */
export function aggregatedDiscovery(
  resources: readonly ResourceInfo[],
  root: 'api' | 'apis',
  version: DiscoveryVersion,
): GroupDiscoveryList {
  const groups = groupsOf(resources).filter(({ group }) => (group === '') === (root === 'api'));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(groupDiscovery),
  };
}

/** The Content-Type that goes with the body; clients compare it literally. */
export function aggregatedContentType(version: DiscoveryVersion): string {
  return `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
}

function groupDiscovery(group: GroupVersions): GroupDiscovery {
  return {
    metadata: { ...(group.group === '' ? {} : { name: group.group }), creationTimestamp: null },
    versions: group.versions.map(({ version, resources }) => ({
      version,
      freshness: 'Current',
      resources: resources.map(resourceDiscovery),
    })),
  };
}

function resourceDiscovery(resource: ResourceInfo): ResourceDiscovery {
  const { group, version, kind } = resource;
  return {
    resource: resource.resource,
    responseKind: kind === '' ? { group: '', version: '', kind } : { group, version, kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
    ...(resource.categories.length === 0 ? {} : { categories: resource.categories }),
    ...(resource.subresources.length === 0 ? {} : { subresources: resource.subresources.map(subresourceDiscovery) }),
  };
}

function subresourceDiscovery(subresource: ResourceInfo['subresources'][number]): SubresourceDiscovery {
  const { group, version, kind } = subresource;
  return { subresource: subresource.name, responseKind: { group, version, kind }, verbs: subresource.verbs };
}
