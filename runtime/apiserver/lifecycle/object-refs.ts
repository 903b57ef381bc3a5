import type { Operations, ResourceInfo } from '#runtime/apiserver/operations.ts';
import type { CachedObject, WatchCache } from '#runtime/storage/cache.ts';

/** Which object, over all collections. */
export interface ObjectRef {
  readonly collection: string;
  readonly namespace: string;
  readonly name: string;
}

/** A queue key. The name stands last, because names of RBAC objects may hold any character but `/` and `%`. */
export function keyOf(ref: ObjectRef): string {
  return `${ref.collection}|${ref.namespace}|${ref.name}`;
}

/** The object that a key names, as the cache has it now. */
export function objectAt(cache: WatchCache, key: string): CachedObject | undefined {
  const first = key.indexOf('|');
  const second = key.indexOf('|', first + 1);
  return cache.get(key.slice(0, first), key.slice(first + 1, second), key.slice(second + 1));
}

interface ResourceMaps {
  readonly byCollection: ReadonlyMap<string, ResourceInfo>;
  readonly byKind: ReadonlyMap<string, ResourceInfo>;
}

const known = new WeakMap<Operations, { readonly resources: readonly ResourceInfo[]; readonly maps: ResourceMaps }>();

/** The resource whose objects stand in a collection; `undefined` when none is served. */
export function resourceOfCollection(operations: Operations, collection: string): ResourceInfo | undefined {
  return mapsOf(operations).byCollection.get(collection);
}

/** The resource of a kind as an owner reference names it; its version does not matter. */
export function resourceOfKind(operations: Operations, apiVersion: string, kind: string): ResourceInfo | undefined {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  return mapsOf(operations).byKind.get(`${group}/${kind}`);
}

/** One resource per collection: two groups may be views of one (events). */
export function storedResources(operations: Operations): Iterable<ResourceInfo> {
  return mapsOf(operations).byCollection.values();
}

/** Made anew when a resource comes, goes or changes; telling that costs one comparison per resource. */
function mapsOf(operations: Operations): ResourceMaps {
  const resources = operations.resources();
  const last = known.get(operations);
  if (last !== undefined && isSameList(last.resources, resources)) return last.maps;
  const byCollection = new Map<string, ResourceInfo>();
  const byKind = new Map<string, ResourceInfo>();
  for (const resource of resources) {
    if (!byCollection.has(resource.collection)) byCollection.set(resource.collection, resource);
    const kind = `${resource.group}/${resource.kind}`;
    if (!byKind.has(kind)) byKind.set(kind, resource);
  }
  const made = { byCollection, byKind };
  known.set(operations, { resources, maps: made });
  return made;
}

function isSameList(a: readonly ResourceInfo[], b: readonly ResourceInfo[]): boolean {
  return a.length === b.length && a.every((resource, index) => resource === b[index]);
}
