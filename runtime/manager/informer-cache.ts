import { BugError } from '#runtime/base/errors.ts';
import { keyText } from '#runtime/client/resource-type.ts';
import type { KindDefinition, ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { countBefore, countsOf, type Bucket } from './bucket.ts';
import type { Cache, IndexPlace } from './cache.ts';
import type { Informer } from './informer.ts';
import { storeKeyOf } from './object-store.ts';
import { compareResourceVersions } from './resource-version.ts';

/** `hosting.wcp360.io/domains`: how a kind is found among informers. */
export function kindId(kind: { readonly group: string; readonly plural: string }): string {
  return `${kind.group}/${kind.plural}`;
}

/**
 * One view over informers. A kind may have several (an agent has one per field selector): an object that is in two of them at once,
 * as while a tenant moves, is shown once, in its newer state. BugError for a kind without an informer: it would look empty for ever.
 */
export function createInformerCache(informersOf: (id: string) => readonly Informer[] | undefined): Cache {
  const find = (kind: KindDefinition): readonly Informer[] => {
    const informers = informersOf(kindId(kind));
    if (informers === undefined) throw new BugError(`nothing watches ${kindId(kind)}`);
    return informers;
  };
  return {
    get: <D extends KindDefinition>(kind: D, key: Parameters<Cache['get']>[1]) => {
      const text = keyText(key);
      let newest: KubeObject | undefined;
      for (const informer of find(kind)) newest = newerOf(newest, informer.store.get(text));
      return newest as ResourceOf<D> | undefined;
    },
    list: <D extends KindDefinition>(kind: D, namespace?: string) =>
      merged(find(kind).map((informer) => informer.store.list(namespace))) as readonly ResourceOf<D>[],
    byIndex: <D extends KindDefinition>(kind: D, index: string, value: string) => {
      const lists = find(kind).map((informer) => {
        const list = informer.store.byIndex(index, value);
        if (list === undefined) throw new BugError(`${kindId(kind)} has no index ${index}`);
        return list;
      });
      return merged(lists) as readonly ResourceOf<D>[];
    },
    counts: (kind, index, value) => countsOf(bucketOf(find(kind), kind, { index, value })),
    countBefore: (kind, place, object) => countBefore(bucketOf(find(kind), kind, place), object),
  };
}

/** Whatever is in two informers would count twice. */
function bucketOf(informers: readonly Informer[], kind: KindDefinition, { index, value }: IndexPlace): Bucket {
  const [only, ...others] = informers;
  if (only === undefined || others.length > 0)
    throw new BugError(`${kindId(kind)} is counted only where one informer has all of it`);
  const bucket = only.store.bucketOf(index, value);
  if (bucket === undefined) throw new BugError(`${kindId(kind)} has no index ${index}`);
  return bucket;
}

function newerOf(a: KubeObject | undefined, b: KubeObject | undefined): KubeObject | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareResourceVersions(a.metadata.resourceVersion, b.metadata.resourceVersion) >= 0 ? a : b;
}

function merged(lists: readonly (readonly KubeObject[])[]): readonly KubeObject[] {
  const [first, ...rest] = lists;
  if (first === undefined) return [];
  if (rest.every((list) => list.length === 0)) return first;
  const byKey = new Map(first.map((object) => [storeKeyOf(object), object]));
  for (const object of rest.flat()) {
    const key = storeKeyOf(object);
    byKey.set(key, newerOf(byKey.get(key), object) ?? object);
  }
  return [...byKey.values()].toSorted((a, b) => {
    const [x, y] = [orderOf(a), orderOf(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  });
}

// NUL sorts before all that names may hold, so that namespaces order before names.
function orderOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}\u0000${object.metadata.name}`;
}
