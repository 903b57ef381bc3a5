import type { Collection } from './cache.ts';

/** Everything that the API server stores is below this. */
export const registryPrefix = '/registry/';

/** Where an object is in the store. `namespace` is empty for cluster-scoped objects. */
export interface ObjectLocation {
  readonly collection: Collection;
  readonly namespace: string;
  readonly name: string;
}

/** `<group>/<resource>`, the core group (empty) written as `core`. */
export function collectionOf(group: string, resource: string): Collection {
  return `${group === '' ? 'core' : group}/${resource}`;
}

/** The storage key of one object; `namespace` is empty for cluster-scoped objects. */
export function objectKey(collection: Collection, namespace: string, name: string): string {
  return `${registryPrefix}${collection}/${objectPath(namespace, name)}`;
}

/** What all keys of a collection, or of one namespace of it, begin with. */
export function collectionPrefix(collection: Collection, namespace = ''): string {
  return namespace === '' ? `${registryPrefix}${collection}/` : `${registryPrefix}${collection}/${namespace}/`;
}

/** The part of a key after its collection; the order of paths is the order of keys. */
export function objectPath(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** Takes a key apart; undefined for keys that are not of an object. */
export function parseObjectKey(key: string): ObjectLocation | undefined {
  if (!key.startsWith(registryPrefix)) return undefined;
  const afterGroup = key.indexOf('/', registryPrefix.length);
  const afterResource = afterGroup === -1 ? -1 : key.indexOf('/', afterGroup + 1);
  if (afterResource === -1 || afterResource === key.length - 1) return undefined;
  const collection = key.slice(registryPrefix.length, afterResource);
  const afterNamespace = key.indexOf('/', afterResource + 1);
  if (afterNamespace === -1) return { collection, namespace: '', name: key.slice(afterResource + 1) };
  return {
    collection,
    namespace: key.slice(afterResource + 1, afterNamespace),
    name: key.slice(afterNamespace + 1),
  };
}
