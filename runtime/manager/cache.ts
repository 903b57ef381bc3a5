import type { KindDefinition, ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ObjectKey } from '#runtime/client/client.ts';

/**
 * What informers have seen: the only place where `gather` reads. Never asks the network.
 * Objects are shared and read-only; lists are in order of namespace and name.
 */
export interface Cache {
  get<D extends KindDefinition>(kind: D, key: ObjectKey): ResourceOf<D> | undefined;
  list<D extends KindDefinition>(kind: D, namespace?: string): readonly ResourceOf<D>[];
  /** Objects under a value of an index that the kind's informer was declared with. */
  byIndex<D extends KindDefinition>(kind: D, index: string, value: string): readonly ResourceOf<D>[];
}

/** How to find objects of a kind without a scan: the values under which one stands. Pure. */
export interface CacheIndex<O extends KubeObject = KubeObject> {
  readonly name: string;
  readonly valuesOf: (object: O) => readonly string[];
}
