import type { Operations } from '#runtime/apiserver/operations.ts';
import { resourceOfKind } from '#runtime/apiserver/lifecycle/object-refs.ts';
import type { CachedObject, WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject, OwnerReference } from '#schemas/meta/object.ts';

/** Finalizers by which a deletion says what becomes of the dependents (Kubernetes docs, "Garbage Collection"). */
export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/**
 * What an owner reference points to.
 *
 * | state | the owner |
 * | --- | --- |
 * | solid | exists under this uid |
 * | waiting | exists, and is being deleted in the foreground: it waits for its dependents to go |
 * | absent | does not exist under this uid, or stands in another namespace |
 * | unknown | is of a kind that is not served, or a namespaced owner of a cluster-scoped object: never a reason to delete |
 */
export type OwnerState = 'solid' | 'waiting' | 'absent' | 'unknown';

export interface Reading {
  readonly operations: Operations;
  readonly cache: WatchCache;
}

export function ownerState(reading: Reading, dependent: CachedObject, reference: OwnerReference): OwnerState {
  const resource = resourceOfKind(reading.operations, reference.apiVersion, reference.kind);
  if (resource === undefined || (resource.namespaced && dependent.namespace === '')) return 'unknown';
  const namespace = resource.namespaced ? dependent.namespace : '';
  const owner = reading.cache.get(resource.collection, namespace, reference.name);
  if (owner === undefined || owner.object.metadata.uid !== reference.uid) return 'absent';
  return isWaitingForDependents(owner.object) ? 'waiting' : 'solid';
}

/** The owner that a reference names, if the cache holds it. */
export function ownerOf(
  reading: Reading,
  dependent: CachedObject,
  reference: OwnerReference,
): CachedObject | undefined {
  const resource = resourceOfKind(reading.operations, reference.apiVersion, reference.kind);
  if (resource === undefined) return undefined;
  const owner = reading.cache.get(resource.collection, resource.namespaced ? dependent.namespace : '', reference.name);
  return owner?.object.metadata.uid === reference.uid ? owner : undefined;
}

export function isWaitingForDependents(object: KubeObject): boolean {
  const { deletionTimestamp, finalizers } = object.metadata;
  return deletionTimestamp !== undefined && finalizers?.includes(foregroundFinalizer) === true;
}
