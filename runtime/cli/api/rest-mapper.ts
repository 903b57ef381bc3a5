import type { Client, ResourceType } from '#runtime/client/client.ts';
import { UsageError } from '#runtime/cli/io.ts';

/** A resource as discovery tells of it. */
export interface DiscoveredResource extends ResourceType {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
}

/** Finds resources by what people write: `dom`, `domain`, `domains`, `domains.hosting.wcp360.io`, `domains.v1alpha1.hosting.wcp360.io`, `Domain`. */
export interface RestMapper {
  readonly resources: readonly DiscoveredResource[];
  /** UsageError when no resource goes by that word. */
  named(word: string): DiscoveredResource;
  /** All resources of a category (`hosting`, `all`), or the one that goes by that word. */
  matching(word: string): readonly DiscoveredResource[];
  ofKind(apiVersion: string, kind: string): DiscoveredResource | undefined;
}

interface AggregatedDiscovery {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly responseKind: { readonly kind: string };
        readonly scope: 'Namespaced' | 'Cluster';
        readonly singularResource?: string;
        readonly shortNames?: readonly string[];
        readonly categories?: readonly string[];
        readonly verbs: readonly string[];
      }[];
    }[];
  }[];
}

const acceptAggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Reads aggregated discovery of the core and all other groups: two requests. */
export async function discover(client: Client, signal: AbortSignal): Promise<RestMapper> {
  const answers = await Promise.all(
    ['/api', '/apis'].map((path) => client.raw('GET', path, { headers: { accept: acceptAggregated }, signal })),
  );
  return createRestMapper(answers.flatMap((answer) => resourcesOf(JSON.parse(answer.body) as AggregatedDiscovery)));
}

function resourcesOf(discovery: AggregatedDiscovery): readonly DiscoveredResource[] {
  return discovery.items.flatMap(({ metadata, versions }) =>
    versions.flatMap(({ version, resources = [] }) =>
      resources.map((found) => ({
        group: metadata.name ?? '',
        version,
        resource: found.resource,
        kind: found.responseKind.kind,
        namespaced: found.scope === 'Namespaced',
        singular: found.singularResource ?? found.responseKind.kind.toLowerCase(),
        shortNames: found.shortNames ?? [],
        categories: found.categories ?? [],
        verbs: found.verbs,
      })),
    ),
  );
}

/** A mapper over known resources; where a word is ambiguous the first (the core group, then the server's order) wins. */
export function createRestMapper(resources: readonly DiscoveredResource[]): RestMapper {
  const goesBy = (resource: DiscoveredResource, word: string): boolean => {
    const [name = '', ...qualifier] = word.toLowerCase().split('.');
    const names = [resource.resource, resource.singular, resource.kind.toLowerCase(), ...resource.shortNames];
    return names.includes(name) && isQualifiedBy(resource, qualifier.join('.'));
  };
  const find = (word: string): DiscoveredResource | undefined => resources.find((resource) => goesBy(resource, word));
  const named = (word: string): DiscoveredResource => {
    const found = find(word);
    if (found === undefined)
      throw new UsageError(`the server doesn't have a resource type "${word}"; see wcpctl api-resources`);
    return found;
  };
  return {
    resources,
    named,
    matching: (word) => {
      const members = resources.filter(
        (resource) => resource.categories.includes(word) && resource.verbs.includes('list'),
      );
      return members.length > 0 && find(word) === undefined ? members : [named(word)];
    },
    ofKind: (apiVersion, kind) =>
      resources.find(
        (resource) =>
          resource.kind === kind && apiVersionOf(resource) === apiVersion && !resource.resource.includes('/'),
      ),
  };
}

function isQualifiedBy(resource: DiscoveredResource, qualifier: string): boolean {
  return qualifier === '' || qualifier === resource.group || qualifier === `${resource.version}.${resource.group}`;
}

/** `v1` or `hosting.wcp360.io/v1alpha1`. */
export function apiVersionOf(type: ResourceType): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** `domains.hosting.wcp360.io`, `secrets`: how kubectl names a resource in messages. */
export function qualifiedName(type: ResourceType): string {
  return type.group === '' ? type.resource : `${type.resource}.${type.group}`;
}

/** `domain.hosting.wcp360.io/shop`: how kubectl names an object in messages. */
export function objectName(type: DiscoveredResource, name: string): string {
  return `${type.singular}${type.group === '' ? '' : `.${type.group}`}/${name}`;
}
