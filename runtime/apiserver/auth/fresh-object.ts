import type { WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** An object; when the cache does not hold it the store is asked first, since it may have been made a moment ago, by the line before in the same manifest. */
export async function freshObject(
  cache: WatchCache,
  ref: { readonly collection: string; readonly namespace: string; readonly name: string },
): Promise<KubeObject | undefined> {
  const { collection, namespace, name } = ref;
  const found = cache.get(collection, namespace, name);
  if (found !== undefined) return found.object;
  await cache.sync();
  return cache.get(collection, namespace, name)?.object;
}
