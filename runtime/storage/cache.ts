import type { KubeObject } from '#schemas/meta/object.ts';

/** `<group>/<resource>`, the core group written as `core`: the part of a storage key that names a collection. */
export type Collection = string;

/** One object as the cache holds it. Shared by all readers: never changed, replaced as a whole. */
export interface CachedObject {
  readonly collection: Collection;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  /** In the version it was stored in, `metadata.resourceVersion` set. Parsed at the first use and kept; a getter, so a spread does not copy it. */
  readonly object: KubeObject;
  /** The same as UTF-8 JSON, without a newline: LIST and WATCH write these bytes. */
  readonly bytes: Buffer;
}

/** A change of one object. `deleted` carries the last state, with the revision of the deletion. */
export interface CacheEvent {
  readonly type: 'added' | 'modified' | 'deleted';
  readonly revision: number;
  readonly current: CachedObject;
  readonly previous: CachedObject | undefined;
}

/**
 * What a watcher receives: events in revision order, and the revision up to which it has now seen everything. Events of one revision are
 * never split over two batches. Without events it is progress (for bookmarks). All subscribers are given the same event objects, so what
 * is derived from one (its encoding) can be kept by its identity.
 */
export interface CacheBatch {
  readonly revision: number;
  readonly events: readonly CacheEvent[];
}

/** A named way to find objects of one collection: the values under which an object stands. */
export interface IndexDefinition {
  readonly name: string;
  readonly valuesOf: (object: KubeObject) => readonly string[];
}

/** One collection at one revision, unmoved by later changes; costs nothing to take, and lives as long as it is held. */
export interface CollectionSnapshot {
  readonly revision: number;
  /** In key order; `after` leaves out what stands up to and including that object. May be iterated several times. */
  list(namespace?: string, after?: { readonly namespace: string; readonly name: string }): Iterable<CachedObject>;
  count(namespace?: string): number;
}

/**
 * All objects below the registry prefix, kept in step with the store by one watch.
 *
 * Guarantees: collections change atomically per revision; `list` is in key order, of the moment of the call, and takes no copy of objects;
 * `subscribe` misses nothing after its start and never blocks the cache (a slow reader is dropped by its own `SlowConsumerError`).
 * Errors: ApiError 410 Expired when a start is older than the history kept; ApiError 504 with cause ResourceVersionTooLarge when a revision does not arrive in time.
 */
export interface WatchCache {
  /** Resolves when the first full read is done. */
  readonly ready: Promise<void>;
  /** Everything up to here has been applied. */
  readonly revision: number;
  /** Waits until `revision` is reached, at most `timeoutMs` (3 s by default). */
  waitFor(revision: number, options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void>;
  /** Asks the store for its revision (one call for all who ask meanwhile) and waits for it: after this, reads are linearizable. */
  sync(signal?: AbortSignal): Promise<number>;
  get(collection: Collection, namespace: string, name: string): CachedObject | undefined;
  /** All of a collection, or of one namespace of it, in key order, as of the call. */
  list(collection: Collection, namespace?: string): Iterable<CachedObject>;
  count(collection: Collection, namespace?: string): number;
  /** A collection as it is now, to read page by page. */
  snapshot(collection: Collection): CollectionSnapshot;
  collections(): Iterable<Collection>;
  /** Adds an index to a collection, or replaces one of the same name; filled at once. */
  defineIndex(collection: Collection, index: IndexDefinition): void;
  byIndex(collection: Collection, indexName: string, value: string): Iterable<CachedObject>;
  /**
   * Changes of a collection (all collections when undefined) after revision `after`. Throws ApiError 410 at once when that is too old.
   * Ends when `signal` aborts or the cache is closed. A revision not reached yet is waited for.
   */
  subscribe(collection: Collection | undefined, after: number, signal: AbortSignal): AsyncIterable<CacheBatch>;
}
