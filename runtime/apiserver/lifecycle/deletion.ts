import type { Operations, ResourceInfo } from '#runtime/apiserver/operations.ts';
import { BugError } from '#runtime/base/errors.ts';
import type { CachedObject } from '#runtime/storage/cache.ts';

/** Deletions on their way at once: enough to share the store's batches, few enough to leave room for requests. */
const parallelDeletions = 16;

/**
 * Deletes objects of one collection in the background; those that are being deleted already are left to their finalizers.
 * Returns the first error after having tried all; `undefined` when every deletion was accepted.
 */
export async function deleteAll(
  operations: Operations,
  resource: ResourceInfo,
  items: Iterable<CachedObject>,
): Promise<Error | undefined> {
  const pending = [...items].filter((item) => item.object.metadata.deletionTimestamp === undefined);
  let firstError: Error | undefined;
  let at = 0;
  const deleteNext = async (): Promise<void> => {
    for (let item = pending[at++]; item !== undefined; item = pending[at++]) {
      const { uid } = item.object.metadata;
      try {
        const preconditions = uid === undefined ? {} : { preconditions: { uid } };
        await operations.delete(resource, item, { propagationPolicy: 'Background', ...preconditions });
      } catch (err) {
        firstError ??= err instanceof Error ? err : new BugError('a deletion failed', { cause: err });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelDeletions, pending.length) }, deleteNext));
  return firstError;
}
