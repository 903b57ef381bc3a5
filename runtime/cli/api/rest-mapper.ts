import type { ResourceType } from '#runtime/client/client.ts';
import { resourceOfKind, type DiscoveredResource } from '#runtime/client/discovery.ts';
import { UsageError } from '#runtime/cli/io.ts';

/** Finds resources by what people write: `dom`, `domain`, `domains`, `domains.hosting.wcp360.io`, `domains.v1alpha1.hosting.wcp360.io`, `Domain`. */
export interface RestMapper {
  readonly resources: readonly DiscoveredResource[];
  /** UsageError when no resource goes by that word. */
  named(word: string): DiscoveredResource;
  /** All resources of a category (`hosting`, `all`), or the one that goes by that word. */
  matching(word: string): readonly DiscoveredResource[];
  ofKind(apiVersion: string, kind: string): DiscoveredResource | undefined;
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
    ofKind: (apiVersion, kind) => resourceOfKind(resources, apiVersion, kind),
  };
}

function isQualifiedBy(resource: DiscoveredResource, qualifier: string): boolean {
  return qualifier === '' || qualifier === resource.group || qualifier === `${resource.version}.${resource.group}`;
}

/** `domains.hosting.wcp360.io`, `secrets`: how kubectl names a resource in messages. */
export function qualifiedName(type: ResourceType): string {
  return type.group === '' ? type.resource : `${type.resource}.${type.group}`;
}

/** `domain.hosting.wcp360.io/shop`: how kubectl names an object in messages. */
export function objectName(type: DiscoveredResource, name: string): string {
  return `${type.singular}${type.group === '' ? '' : `.${type.group}`}/${name}`;
}
