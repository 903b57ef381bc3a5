import type { RequestAttributes } from '#runtime/apiserver/operations.ts';
import { selectedName } from '#runtime/apiserver/verbs/field-selector.ts';
import { parseTarget, type RequestTarget } from './request-path.ts';

/** What a request wants, before it is known who asks. `beyond` holds segments after the subresource: nothing of ours has any. */
export interface Attributes extends Omit<RequestAttributes, 'user'> {
  readonly beyond: readonly string[];
}

const methodVerbs: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Below a namespace's own path these are subresources of it; any other word there is a resource inside it. */
const namespaceSubresources = new Set(['status', 'finalize']);

/**
 * Reads verb, resource and name from method and URL, as authorization, audit and routing all see them.
 *
 * `/api/v1/…` and `/apis/<group>/<version>/…` with at least one segment more are resource requests, everything else is known by its path.
 * `/namespaces/<n>` is the resource `namespaces`, name `n`, in namespace `n`, so that a RoleBinding inside n applies to it.
 */
export function attributesOf(method: string, target: RequestTarget | string): Attributes {
  const { path, segments, query } = typeof target === 'string' ? parseTarget(target) : target;
  const served = groupVersionOf(segments);
  if (served === undefined) return plainAttributes(method, path);
  const { group, version, rest } = served;
  const place = placeOf(rest);
  const methodVerb = methodVerbs[method] ?? '';
  if (place.name !== '') return { ...place, verb: methodVerb, resourceRequest: true, group, version, path };
  const verb = collectionVerb(methodVerb, query);
  const name = verb === 'create' ? '' : selectedName(query.get('fieldSelector') ?? '');
  return { ...place, verb, name, resourceRequest: true, group, version, path };
}

/** Undefined for paths that name no resource. */
function groupVersionOf(
  segments: readonly string[],
): { group: string; version: string; rest: readonly string[] } | undefined {
  const [root, first = '', second = ''] = segments;
  if (root === 'api' && segments.length > 2) return { group: '', version: first, rest: segments.slice(2) };
  if (root === 'apis' && segments.length > 3) return { group: first, version: second, rest: segments.slice(3) };
  return undefined;
}

function plainAttributes(method: string, path: string): Attributes {
  const nothing = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '', beyond: [] };
  return { ...nothing, verb: method.toLowerCase(), resourceRequest: false, path };
}

type Place = Pick<Attributes, 'namespace' | 'resource' | 'name' | 'subresource' | 'beyond'>;

function placeOf(rest: readonly string[]): Place {
  let namespace = '';
  let parts = rest;
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1] ?? '';
    if (rest.length > 2 && !namespaceSubresources.has(rest[2] ?? '')) parts = rest.slice(2);
  }
  const [resource = '', name = '', subresource = '', ...beyond] = parts;
  return { namespace, resource, name, subresource, beyond };
}

function collectionVerb(verb: string, query: URLSearchParams): string {
  if (verb === 'delete') return 'deletecollection';
  if (verb !== 'get') return verb;
  return isTrue(query.get('watch')) ? 'watch' : 'list';
}

/** A boolean of a query as Kubernetes reads it: present and neither `false` nor `0`. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== 'false' && value !== '0';
}
