import { createHash } from 'node:crypto';
import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { groupsOf, type GroupVersions } from './groups.ts';

/** `GET /api`: the versions of the core group. `serverAddress` is host:port as clients reach this server. */
export interface ApiVersions {
  readonly kind: 'APIVersions';
  readonly versions: readonly string[];
  readonly serverAddressByClientCIDRs: readonly { readonly clientCIDR: string; readonly serverAddress: string }[];
}

/** One version of a group, as discovery names it. */
export interface GroupVersionForDiscovery {
  readonly groupVersion: string;
  readonly version: string;
}

/** `GET /apis/<group>`. */
export interface ApiGroup {
  readonly kind?: 'APIGroup';
  readonly apiVersion?: 'v1';
  readonly name: string;
  readonly versions: readonly GroupVersionForDiscovery[];
  readonly preferredVersion: GroupVersionForDiscovery;
}

/** `GET /apis`. */
export interface ApiGroupList {
  readonly kind: 'APIGroupList';
  readonly apiVersion: 'v1';
  readonly groups: readonly ApiGroup[];
}

/** One line of a resource list; a subresource is named `<resource>/<subresource>`. */
export interface ApiResource {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  /** Only where it is not that of the list: `autoscaling` of a Scale. */
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly storageVersionHash?: string;
}

/** `GET /api/v1`, `GET /apis/<group>/<version>`. */
export interface ApiResourceList {
  readonly kind: 'APIResourceList';
  readonly apiVersion: 'v1';
  readonly groupVersion: string;
  readonly resources: readonly ApiResource[];
}

/** The answer to `GET /api`. */
export function legacyVersions(resources: readonly ResourceInfo[], serverAddress: string): ApiVersions {
  const core = groupsOf(resources).find(({ group }) => group === '');
  return {
    kind: 'APIVersions',
    versions: core?.versions.map(({ version }) => version) ?? [],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** The answer to `GET /apis`: every group but the core one. */
export function legacyGroupList(resources: readonly ResourceInfo[]): ApiGroupList {
  const groups = groupsOf(resources).filter(({ group }) => group !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.flatMap(apiGroupOf) };
}

/** The answer to `GET /apis/<group>`; undefined when nothing of the group is served. */
export function legacyGroup(resources: readonly ResourceInfo[], group: string): ApiGroup | undefined {
  const found = groupsOf(resources).find((candidate) => candidate.group === group);
  const [apiGroup] = found === undefined || group === '' ? [] : apiGroupOf(found);
  return apiGroup === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup };
}

/** The answer to `GET /api/v1` and `GET /apis/<group>/<version>`; undefined when nothing of it is served. */
export function legacyResourceList(
  resources: readonly ResourceInfo[],
  groupVersion: { readonly group: string; readonly version: string },
): ApiResourceList | undefined {
  const { group, version } = groupVersion;
  const served = resources.filter((resource) => resource.group === group && resource.version === version);
  if (served.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: groupVersionText(group, version),
    resources: served.toSorted((a, b) => (a.resource < b.resource ? -1 : 1)).flatMap(apiResourcesOf),
  };
}

/**
 * The hash by which storage migration sees that another version is stored now: base64 of the first eight bytes of the SHA-256 of
 * `group/version/kind`.
 */
export function storageVersionHash(group: string, version: string, kind: string): string {
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64');
}

function apiGroupOf(group: GroupVersions): readonly ApiGroup[] {
  const versions = group.versions.map(({ version }) => ({
    groupVersion: groupVersionText(group.group, version),
    version,
  }));
  const [preferredVersion] = versions;
  return preferredVersion === undefined ? [] : [{ name: group.group, versions, preferredVersion }];
}

function groupVersionText(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

function apiResourcesOf(resource: ResourceInfo): readonly ApiResource[] {
  const subresources = resource.subresources.map((subresource) => subresourceOf(resource, subresource));
  // Other servers may serve subresources of what they do not serve itself.
  return resource.verbs.length === 0 ? subresources : [mainResource(resource), ...subresources];
}

function mainResource(resource: ResourceInfo): ApiResource {
  const isStored = resource.verbs.includes('list');
  return {
    name: resource.resource,
    singularName: resource.singular,
    namespaced: resource.namespaced,
    kind: resource.kind,
    verbs: resource.verbs,
    ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
    ...(resource.categories.length === 0 ? {} : { categories: resource.categories }),
    ...(isStored ? { storageVersionHash: storageVersionHash(resource.group, resource.version, resource.kind) } : {}),
  };
}

function subresourceOf(resource: ResourceInfo, subresource: ResourceInfo['subresources'][number]): ApiResource {
  const isForeign = subresource.group !== resource.group || subresource.version !== resource.version;
  return {
    name: `${resource.resource}/${subresource.name}`,
    singularName: '',
    namespaced: resource.namespaced,
    ...(isForeign ? { group: subresource.group, version: subresource.version } : {}),
    kind: subresource.kind,
    verbs: subresource.verbs,
  };
}
