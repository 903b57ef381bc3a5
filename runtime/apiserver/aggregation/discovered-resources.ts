import type { ResourceInfo, SubresourceInfo, Verb } from '#runtime/apiserver/operations.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { AggregatedSpec } from './api-services.ts';

type GroupVersion = Pick<AggregatedSpec, 'group' | 'version'>;

/** What another server's APIResourceList tells, in the form of our own; lines that make no sense are left out. */
export function resourcesOf(served: GroupVersion, list: unknown): readonly ResourceInfo[] {
  const lines = isRecord(list) && Array.isArray(list['resources']) ? list['resources'].filter(isRecord) : [];
  const parents = new Map<string, ResourceInfo>();
  for (const line of lines) {
    const [resource = '', subresource] = textOf(line, 'name').split('/');
    if (resource === '') continue;
    const parent = parents.get(resource) ?? bareResource(served, resource, line['namespaced'] === true);
    parents.set(
      resource,
      subresource === undefined
        ? { ...parent, ...ownParts(line) }
        : { ...parent, subresources: [...parent.subresources, subresourceOf(served, subresource, line)] },
    );
  }
  return [...parents.values()];
}

/** As which a resource stands in discovery whose subresources only are served. */
function bareResource({ group, version }: GroupVersion, resource: string, namespaced: boolean): ResourceInfo {
  return {
    group,
    version,
    resource,
    singular: '',
    kind: '',
    listKind: '',
    namespaced,
    shortNames: [],
    categories: [],
    verbs: [],
    subresources: [],
    schema: { type: 'object', description: 'Served by another server.' },
    collection: `${group}/${resource}`,
  };
}

function ownParts(line: Readonly<Record<string, unknown>>): Partial<ResourceInfo> {
  return {
    singular: textOf(line, 'singularName'),
    kind: textOf(line, 'kind'),
    shortNames: wordsOf(line, 'shortNames'),
    categories: wordsOf(line, 'categories'),
    verbs: wordsOf(line, 'verbs') as readonly Verb[],
  };
}

function subresourceOf(served: GroupVersion, name: string, line: Readonly<Record<string, unknown>>): SubresourceInfo {
  return {
    name,
    kind: textOf(line, 'kind'),
    group: textOf(line, 'group') || served.group,
    version: textOf(line, 'version') || served.version,
    verbs: wordsOf(line, 'verbs') as readonly Verb[],
  };
}

function textOf(line: Readonly<Record<string, unknown>>, field: string): string {
  const value = line[field];
  return typeof value === 'string' ? value : '';
}

function wordsOf(line: Readonly<Record<string, unknown>>, field: string): readonly string[] {
  const value = line[field];
  return Array.isArray(value) ? value.filter((word) => typeof word === 'string') : [];
}
