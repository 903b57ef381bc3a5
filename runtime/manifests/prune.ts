import { ApiError } from '#runtime/base/errors.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { InventoryEntry } from './inventory.ts';

/** The field manager of each Source begins so: objects that one of them applies are its own to prune. */
export const SOURCE_MANAGER = 'wcp360-source:';

/** How it went with one object of an inventory that nobody wants any more. */
export type PruneResult =
  /** `isGone`: it was not there, or is of a kind that is not. */
  | { readonly outcome: 'pruned' | 'gone' }
  /** Somebody else made it anew, or another Source applies it: it is not ours to delete. */
  | { readonly outcome: 'left' }
  /** Stays in the inventory, so that it is tried again. */
  | { readonly outcome: 'failed'; readonly message: string };

export interface PruneOptions {
  readonly resources: readonly ResourceType[];
  readonly fieldManager: string;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Deletes one object that an earlier apply made: only what carries our field manager still, and no other Source's. Kinds with data obey their
 * deletionPolicy, since an object that is deleted goes the same way whoever deletes it. Refusals of the server are told; other errors are thrown.
 */
export async function pruneOne(client: Client, entry: InventoryEntry, options: PruneOptions): Promise<PruneResult> {
  const type = options.resources.find(({ group, kind }) => group === entry.group && kind === entry.kind);
  if (type === undefined) return { outcome: 'gone' };
  const { dryRun, signal } = options;
  const { name, namespace } = entry;
  try {
    const live = await client.get(type, { name, namespace }, signal);
    if (live === undefined || live.metadata.deletionTimestamp !== undefined) return { outcome: 'gone' };
    if (!isOurs(live, options.fieldManager)) return { outcome: 'left' };
    const { uid } = live.metadata;
    const preconditions = uid === undefined ? {} : { uid };
    await client.delete(type, { name, namespace }, { propagationPolicy: 'Background', preconditions, dryRun, signal });
    return { outcome: 'pruned' };
  } catch (err) {
    if (!(err instanceof ApiError)) throw err;
    return { outcome: 'failed', message: err.message };
  }
}

/** Whether an object is applied by this manager, and by no Source beside it. */
function isOurs({ metadata }: KubeObject, fieldManager: string): boolean {
  const appliers = (metadata.managedFields ?? [])
    .filter(({ operation, subresource }) => operation === 'Apply' && (subresource ?? '') === '')
    .map(({ manager }) => manager ?? '');
  const others = appliers.filter((manager) => manager !== fieldManager && manager.startsWith(SOURCE_MANAGER));
  return appliers.includes(fieldManager) && others.length === 0;
}
