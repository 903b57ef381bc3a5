import type { Client, ResourceType } from '#runtime/client/client.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import { keyOf } from '#runtime/client/resource-type.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** What is needed to change the finalizers of one kind. */
export interface FinalizerOptions {
  readonly client: Client;
  readonly type: ResourceType;
  readonly fieldManager: string;
  readonly finalizer: string;
}

/** True when the object carries it. */
export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) === true;
}

/** Puts the finalizer there and returns the object that carries it; ApiError 409 when the object changed meanwhile. */
export async function addFinalizer(
  options: FinalizerOptions,
  object: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject> {
  const { client, type, fieldManager, finalizer } = options;
  const { resourceVersion, finalizers = [] } = object.metadata;
  const body = { metadata: { resourceVersion, finalizers: [...finalizers, finalizer] } };
  return await client.patch(type, keyOf(object), { type: 'merge', body }, { fieldManager, signal });
}

/**
 * Takes the finalizer away: the object may go. Tests uid and place instead of the revision, so that a status written meanwhile is no conflict.
 * False when the object looks different now (the next event tells how).
 */
export async function dropFinalizer(
  options: FinalizerOptions,
  object: KubeObject,
  signal: AbortSignal,
): Promise<boolean> {
  const { client, type, fieldManager, finalizer } = options;
  const at = object.metadata.finalizers?.indexOf(finalizer) ?? -1;
  if (at < 0) return true;
  const path = `/metadata/finalizers/${at}`;
  const body = [
    { op: 'test', path: '/metadata/uid', value: object.metadata.uid },
    { op: 'test', path, value: finalizer },
    { op: 'remove', path },
  ];
  try {
    await client.patch(type, keyOf(object), { type: 'json', body }, { fieldManager, signal });
    return true;
  } catch (err) {
    if (isStatus(err, 404)) return true;
    if (isStatus(err, 409) || isStatus(err, 422)) return false;
    throw err;
  }
}
