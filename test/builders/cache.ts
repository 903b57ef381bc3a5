import type { KindDefinition, ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import {
  bucketOrder,
  countBefore,
  countsOf,
  createBucket,
  listOf,
  replaceIn,
  type Bucket,
} from '#runtime/manager/bucket.ts';
import type { Cache, CacheIndex } from '#runtime/manager/cache.ts';
import { storeKeyOf } from '#runtime/manager/object-store.ts';

/** A cache that shows these objects, with the indexes that controllers and drivers declare. */
export function aCache(
  objects: readonly KubeObject[],
  indexes: readonly { readonly kind: KindDefinition; readonly index: CacheIndex }[] = [],
): Cache {
  const ofKind = (kind: KindDefinition): readonly KubeObject[] => objects.filter((object) => object.kind === kind.kind);
  const bucketOf = (kind: KindDefinition, name: string, value: string): Bucket => {
    const found = indexes.find((known) => known.kind.kind === kind.kind && known.index.name === name);
    if (found === undefined) throw new Error(`${kind.kind} has no index ${name}`);
    const bucket = createBucket(bucketOrder(found.index));
    for (const object of ofKind(kind).filter((each) => found.index.valuesOf(each).includes(value)))
      replaceIn(bucket, storeKeyOf(object), object);
    return bucket;
  };
  return {
    get: <D extends KindDefinition>(kind: D, key: { readonly namespace?: string | undefined; readonly name: string }) =>
      ofKind(kind).find(
        ({ metadata }) => metadata.name === key.name && (metadata.namespace ?? '') === (key.namespace ?? ''),
      ) as ResourceOf<D> | undefined,
    list: <D extends KindDefinition>(kind: D, namespace?: string) =>
      ofKind(kind).filter(
        ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
      ) as unknown as readonly ResourceOf<D>[],
    byIndex: <D extends KindDefinition>(kind: D, name: string, value: string) =>
      listOf(bucketOf(kind, name, value)) as unknown as readonly ResourceOf<D>[],
    counts: (kind, name, value) => countsOf(bucketOf(kind, name, value)),
    countBefore: (kind, { index, value }, object) => countBefore(bucketOf(kind, index, value), object),
  };
}
