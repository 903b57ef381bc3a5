import type { Client, ResourceType } from '#runtime/client/client.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import { keyOf } from '#runtime/client/resource-type.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** What is needed to change the finalizers of one kind. */
export interface FinalizerOptions {
  readonly client: Client;
  readonly type: ResourceType;
  readonly fieldManager: string;
}

/** True when the object carries it. */
export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) === true;
}

/** Puts the finalizers there, in one write, and returns the object that carries them; ApiError 409 when the object changed meanwhile. */
export async function addFinalizers(
  { client, type, fieldManager }: FinalizerOptions,
  { object, missing }: { readonly object: KubeObject; readonly missing: readonly string[] },
  signal: AbortSignal,
): Promise<KubeObject> {
  const { resourceVersion, finalizers = [] } = object.metadata;
  const body = { metadata: { resourceVersion, finalizers: [...finalizers, ...missing] } };
  return await client.patch(type, keyOf(object), { type: 'merge', body }, { fieldManager, signal });
}

/**
 * Takes the finalizers away: the object may go. Tests uid and places instead of the revision, so that a status written meanwhile is no conflict.
 * False when the object looks different now (the next event tells how).
 */
export async function dropFinalizers(
  { client, type, fieldManager }: FinalizerOptions,
  { object, done }: { readonly object: KubeObject; readonly done: readonly string[] },
  signal: AbortSignal,
): Promise<boolean> {
  // From behind, so that no removal moves the place of the next one.
  const places = (object.metadata.finalizers ?? []).flatMap((value, at) =>
    done.includes(value) ? [{ value, at }] : [],
  );
  if (places.length === 0) return true;
  const removals = places.toReversed().flatMap(({ value, at }) => {
    const path = `/metadata/finalizers/${at}`;
    return [
      { op: 'test', path, value },
      { op: 'remove', path },
    ];
  });
  const body = [{ op: 'test', path: '/metadata/uid', value: object.metadata.uid }, ...removals];
  try {
    await client.patch(type, keyOf(object), { type: 'json', body }, { fieldManager, signal });
    return true;
  } catch (err) {
    if (isStatus(err, 404)) return true;
    if (isStatus(err, 409) || isStatus(err, 422)) return false;
    throw err;
  }
}
