import type { Client, ResourceType } from './client.ts';
import { apiVersionOfType } from './resource-type.ts';

/** A resource as discovery tells of it. */
export interface DiscoveredResource extends ResourceType {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
}

interface AggregatedDiscovery {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        /** Its kind is empty, or it is absent, where subresources only are served. */
        readonly responseKind?: { readonly kind: string };
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

/** What the server serves, the core group first: aggregated discovery, two requests. */
export async function discover(client: Client, signal: AbortSignal): Promise<readonly DiscoveredResource[]> {
  const answers = await Promise.all(
    ['/api', '/apis'].map((path) => client.raw('GET', path, { headers: { accept: acceptAggregated }, signal })),
  );
  return answers.flatMap((answer) => resourcesOf(JSON.parse(answer.body) as AggregatedDiscovery));
}

type Served = NonNullable<AggregatedDiscovery['items'][number]['versions'][number]['resources']>[number];

function isWhole(found: Served): found is Served & { readonly responseKind: { readonly kind: string } } {
  return (found.responseKind?.kind ?? '') !== '';
}

function resourcesOf(discovery: AggregatedDiscovery): readonly DiscoveredResource[] {
  return discovery.items.flatMap(({ metadata, versions }) =>
    versions.flatMap(({ version, resources = [] }) =>
      resources.filter(isWhole).map((found) => ({
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

/** The resource whose objects carry this apiVersion and kind. */
export function resourceOfKind<R extends ResourceType>(
  resources: readonly R[],
  apiVersion: string,
  kind: string,
): R | undefined {
  return resources.find(
    (found) => found.kind === kind && apiVersionOfType(found) === apiVersion && !found.resource.includes('/'),
  );
}
