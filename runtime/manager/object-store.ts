import type { KubeObject } from '#schemas/meta/object.ts';
import { keyOf, keyText } from '#runtime/client/resource-type.ts';
import { bucketOrder, createBucket, listOf, replaceIn, type Bucket, type BucketOrder } from './bucket.ts';
import type { CacheIndex } from './cache.ts';

/** Objects of one kind by key, with indexes. Lists are in order of namespace and name, or in that of their index. */
export interface ObjectStore {
  get(key: string): KubeObject | undefined;
  list(namespace?: string): readonly KubeObject[];
  /** Empty when nothing stands under the value, `undefined` when there is no such index. */
  byIndex(index: string, value: string): readonly KubeObject[] | undefined;
  /** What stands under the value, to be counted; `undefined` as above. */
  bucketOf(index: string, value: string): Bucket | undefined;
  addIndex(index: CacheIndex): void;
  set(object: KubeObject): void;
  delete(key: string): void;
  keys(): Iterable<string>;
  readonly size: number;
}

/** Where an object stands: `shop` of namespace `acme` under `acme/shop`. */
export function storeKeyOf(object: KubeObject): string {
  return keyText(keyOf(object));
}

interface Index {
  readonly valuesOf: (object: KubeObject) => readonly string[];
  readonly order: BucketOrder;
  readonly buckets: Map<string, Bucket>;
  /** Under what each key stands, so that an unchanged object moves nowhere. */
  readonly standing: Map<string, readonly string[]>;
}

/** An empty store. */
export function createObjectStore(): ObjectStore {
  const members = new Map<string, KubeObject>();
  const all = createBucket(bucketOrder({}));
  const namespaces = indexBy({ valuesOf: (object) => [object.metadata.namespace ?? ''] });
  const indexes = new Map<string, Index>();
  return {
    get: (key) => members.get(key),
    list: (namespace) => shown(namespace === undefined ? all : namespaces.buckets.get(namespace)),
    byIndex: (name, value) => {
      const index = indexes.get(name);
      return index === undefined ? undefined : shown(index.buckets.get(value));
    },
    bucketOf: (name, value) => {
      const index = indexes.get(name);
      return index && (index.buckets.get(value) ?? createBucket(index.order));
    },
    addIndex: ({ name, ...rest }) => {
      const index = indexBy(rest);
      for (const [key, object] of members) put(index, key, object);
      indexes.set(name, index);
    },
    set: (object) => {
      const key = storeKeyOf(object);
      members.set(key, object);
      replaceIn(all, key, object);
      put(namespaces, key, object);
      for (const index of indexes.values()) put(index, key, object);
    },
    delete: (key) => {
      if (!members.delete(key)) return;
      replaceIn(all, key, undefined);
      drop(namespaces, key);
      for (const index of indexes.values()) drop(index, key);
    },
    keys: () => members.keys(),
    get size() {
      return members.size;
    },
  };
}

function indexBy(index: Omit<CacheIndex, 'name'>): Index {
  return { valuesOf: index.valuesOf, order: bucketOrder(index), buckets: new Map(), standing: new Map() };
}

function shown(bucket: Bucket | undefined): readonly KubeObject[] {
  return bucket === undefined ? [] : listOf(bucket);
}

function put(index: Index, key: string, object: KubeObject): void {
  const values = index.valuesOf(object);
  const before = index.standing.get(key);
  if (before !== undefined && !isSame(before, values)) leave(index, key, before);
  index.standing.set(key, values);
  for (const value of values) {
    let bucket = index.buckets.get(value);
    if (bucket === undefined) index.buckets.set(value, (bucket = createBucket(index.order)));
    replaceIn(bucket, key, object);
  }
}

function drop(index: Index, key: string): void {
  leave(index, key, index.standing.get(key) ?? []);
  index.standing.delete(key);
}

function leave(index: Index, key: string, values: readonly string[]): void {
  for (const value of values) {
    const bucket = index.buckets.get(value);
    if (bucket === undefined) continue;
    replaceIn(bucket, key, undefined);
    if (bucket.members.size === 0) index.buckets.delete(value);
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}
