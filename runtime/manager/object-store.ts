import type { KubeObject } from '#schemas/meta/object.ts';
import { keyOf, keyText } from '#runtime/client/resource-type.ts';
import type { CacheIndex } from './cache.ts';

/** Objects of one kind by key, with indexes. Lists are in order of namespace and name, sorted when first asked for and kept until a member changes. */
export interface ObjectStore {
  get(key: string): KubeObject | undefined;
  list(namespace?: string): readonly KubeObject[];
  /** Empty when nothing stands under the value, `undefined` when there is no such index. */
  byIndex(index: string, value: string): readonly KubeObject[] | undefined;
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

interface Bucket {
  readonly members: Map<string, KubeObject>;
  sorted: readonly KubeObject[] | undefined;
}

interface Index {
  readonly valuesOf: (object: KubeObject) => readonly string[];
  readonly buckets: Map<string, Bucket>;
  /** Under what each key stands, so that an unchanged object moves nowhere. */
  readonly standing: Map<string, readonly string[]>;
}

/** An empty store. */
export function createObjectStore(): ObjectStore {
  const all: Bucket = { members: new Map(), sorted: undefined };
  const namespaces: Index = indexBy((object) => [object.metadata.namespace ?? '']);
  const indexes = new Map<string, Index>();
  return {
    get: (key) => all.members.get(key),
    list: (namespace) => sortedOf(namespace === undefined ? all : namespaces.buckets.get(namespace)),
    byIndex: (name, value) => {
      const index = indexes.get(name);
      return index === undefined ? undefined : sortedOf(index.buckets.get(value));
    },
    addIndex: ({ name, valuesOf }) => {
      const index = indexBy(valuesOf);
      for (const [key, object] of all.members) put(index, key, object);
      indexes.set(name, index);
    },
    set: (object) => {
      const key = storeKeyOf(object);
      enter(all, key, object);
      put(namespaces, key, object);
      for (const index of indexes.values()) put(index, key, object);
    },
    delete: (key) => {
      if (!all.members.delete(key)) return;
      all.sorted = undefined;
      drop(namespaces, key);
      for (const index of indexes.values()) drop(index, key);
    },
    keys: () => all.members.keys(),
    get size() {
      return all.members.size;
    },
  };
}

function indexBy(valuesOf: (object: KubeObject) => readonly string[]): Index {
  return { valuesOf, buckets: new Map(), standing: new Map() };
}

function put(index: Index, key: string, object: KubeObject): void {
  const values = index.valuesOf(object);
  const before = index.standing.get(key);
  if (before !== undefined && !isSame(before, values)) leave(index, key, before);
  index.standing.set(key, values);
  for (const value of values) {
    let bucket = index.buckets.get(value);
    if (bucket === undefined) index.buckets.set(value, (bucket = { members: new Map(), sorted: undefined }));
    enter(bucket, key, object);
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
    bucket.members.delete(key);
    bucket.sorted = undefined;
    if (bucket.members.size === 0) index.buckets.delete(value);
  }
}

function enter(bucket: Bucket, key: string, object: KubeObject): void {
  bucket.members.set(key, object);
  bucket.sorted = undefined;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

function sortedOf(bucket: Bucket | undefined): readonly KubeObject[] {
  if (bucket === undefined) return [];
  bucket.sorted ??= [...bucket.members.values()].toSorted(byNamespaceAndName);
  return bucket.sorted;
}

function byNamespaceAndName(a: KubeObject, b: KubeObject): number {
  return (
    compareText(a.metadata.namespace ?? '', b.metadata.namespace ?? '') || compareText(a.metadata.name, b.metadata.name)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
