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
  /** Objects under a value of an index that the kind's informer was declared with. Another list as soon as one of them has changed, came, or went. */
  byIndex<D extends KindDefinition>(kind: D, index: string, value: string): readonly ResourceOf<D>[];
  /** How many objects stand under a value, of each group of the index: nobody looks at them. */
  counts(kind: KindDefinition, index: string, value: string): ReadonlyMap<string, number>;
  /** How many under a value come before an object, which need not be among them; few of them are looked at. */
  countBefore(kind: KindDefinition, place: IndexPlace, object: KubeObject): number;
}

/** A value of an index. */
export interface IndexPlace {
  readonly index: string;
  readonly value: string;
}

/** How to find objects of a kind without a scan: the values under which one stands. Pure. */
export interface CacheIndex<O extends KubeObject = KubeObject> {
  readonly name: string;
  readonly valuesOf: (object: O) => readonly string[];
  /** By what those under a value are counted; absent: they are of one group, `''`. */
  readonly groupOf?: (object: O) => string;
  /** What comes first under a value, as text; namespace and name where that is the same, or absent. */
  readonly orderOf?: (object: O) => string;
}
