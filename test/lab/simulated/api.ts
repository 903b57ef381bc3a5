import { merge } from '#test/builders/merge.ts';
import { apiVersionOf, type KindDefinition, type ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { ApiError, BugError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { apiVersionOfType, keyText } from '#runtime/client/resource-type.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { countBefore, countsOf } from '#runtime/manager/bucket.ts';
import type { Cache, CacheIndex } from '#runtime/manager/cache.ts';
import type { ObjectChange } from '#runtime/manager/informer.ts';
import { createObjectStore, storeKeyOf, type ObjectStore } from '#runtime/manager/object-store.ts';

/**
 * An API server without a wire, for millions of requests: objects by name, resourceVersions, and server-side apply for managers who never speak of the same
 * field. It admits, defaults and prunes nothing.
 */
export interface SimulatedApi {
  readonly client: Client;
  /** Shows each write at once. */
  readonly cache: Cache;
  addIndex(kind: KindDefinition, index: CacheIndex): void;
  subscribe(listener: (change: ObjectChange) => void): void;
  /** As somebody made it. */
  put(object: KubeObject): void;
}

/** What stands under a name: as it was made, and what each field manager has applied since. */
interface Entry {
  readonly made: KubeObject;
  readonly applied: Map<string, KubeObject>;
}

interface Collection {
  readonly store: ObjectStore;
  readonly entries: Map<string, Entry>;
}

/** With no objects. */
export function createSimulatedApi(): SimulatedApi {
  const collections = new Map<string, Collection>();
  const listeners: ((change: ObjectChange) => void)[] = [];
  let revision = 0;
  const collectionOf = (apiVersion: string, kind: string): Collection => {
    const id = `${apiVersion}/${kind}`;
    let found = collections.get(id);
    if (found === undefined) collections.set(id, (found = { store: createObjectStore(), entries: new Map() }));
    return found;
  };
  const ofType = (type: ResourceType): Collection => collectionOf(apiVersionOfType(type), type.kind);
  const ofKind = (kind: KindDefinition): ObjectStore => collectionOf(apiVersionOf(kind), kind.kind).store;
  const tell = (change: Omit<ObjectChange, 'filling'>): void => {
    for (const listener of listeners) listener({ ...change, filling: false });
  };
  /** Stores what the parts of an entry come to; a write that changes nothing is none. */
  const store = ({ store: objects }: Collection, { made, applied }: Entry): KubeObject => {
    const previous = objects.get(storeKeyOf(made));
    const whole = [...applied.values()].reduce<unknown>((below, over) => merge(below, over), made) as KubeObject;
    const { resourceVersion, uid = `uid-${revision}` } = previous?.metadata ?? made.metadata;
    const object = { ...whole, metadata: { ...whole.metadata, resourceVersion, uid } };
    if (previous !== undefined && isEqual(previous, object)) return previous;
    revision += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } } as KubeObject;
    objects.set(stored);
    tell({ type: previous === undefined ? 'added' : 'modified', object: stored, previous });
    return stored;
  };
  const create = (collection: Collection, made: KubeObject): KubeObject => {
    const entry = { made, applied: new Map<string, KubeObject>() };
    collection.entries.set(storeKeyOf(made), entry);
    return store(collection, entry);
  };
  const client: Pick<Client, 'get' | 'create' | 'apply' | 'delete'> = {
    get: async <T extends KubeObject>(type: ResourceType, key: Parameters<Client['get']>[1]) =>
      await Promise.resolve(ofType(type).store.get(keyText(key)) as T | undefined),
    create: async <T extends KubeObject>(type: ResourceType, object: KubeObject) => {
      const collection = ofType(type);
      if (collection.entries.has(storeKeyOf(object))) throw new ApiError(409, 'AlreadyExists', 'it is there');
      return await Promise.resolve(create(collection, object) as T);
    },
    apply: async <T extends KubeObject>(
      type: ResourceType,
      object: KubeObject,
      { fieldManager, subresource }: Parameters<Client['apply']>[2],
    ) => {
      const collection = ofType(type);
      const entry = collection.entries.get(storeKeyOf(object));
      if (entry === undefined && subresource !== undefined) throw new ApiError(404, 'NotFound', 'it is not there');
      if (entry === undefined) return await Promise.resolve(create(collection, object) as T);
      entry.applied.set(`${fieldManager}/${subresource ?? ''}`, object);
      return await Promise.resolve(store(collection, entry) as T);
    },
    delete: async (type, key) => {
      const { store: objects, entries } = ofType(type);
      const object = objects.get(keyText(key));
      if (object === undefined) return undefined;
      objects.delete(keyText(key));
      entries.delete(keyText(key));
      tell({ type: 'deleted', object, previous: object });
      return await Promise.resolve(object);
    },
  };
  return {
    client: onlyThese(client),
    cache: {
      get: <D extends KindDefinition>(kind: D, key: Parameters<Cache['get']>[1]) =>
        ofKind(kind).get(keyText(key)) as ResourceOf<D> | undefined,
      list: <D extends KindDefinition>(kind: D, namespace?: string) =>
        ofKind(kind).list(namespace) as readonly KubeObject[] as readonly ResourceOf<D>[],
      byIndex: <D extends KindDefinition>(kind: D, index: string, value: string) =>
        (ofKind(kind).byIndex(index, value) ?? []) as readonly KubeObject[] as readonly ResourceOf<D>[],
      counts: (kind, index, value) => {
        const bucket = ofKind(kind).bucketOf(index, value);
        return bucket === undefined ? new Map() : countsOf(bucket);
      },
      countBefore: (kind, { index, value }, object) => {
        const bucket = ofKind(kind).bucketOf(index, value);
        return bucket === undefined ? 0 : countBefore(bucket, object);
      },
    },
    addIndex: (kind, index) => ofKind(kind).addIndex(index),
    subscribe: (listener) => void listeners.push(listener),
    put: (object) => void create(collectionOf(object.apiVersion, object.kind), object),
  };
}

/** Whatever else is asked for was not thought of here. */
function onlyThese(client: Partial<Client>): Client {
  return new Proxy(client, {
    get: (target, name) => {
      const found = Reflect.get(target, name) as unknown;
      if (found === undefined) throw new BugError(`the simulated API server knows no ${String(name)}`);
      return found;
    },
  }) as Client;
}
