import type { ConditionValue } from '#runtime/apiserver/lifecycle/conditions.ts';
import { qualified } from '#runtime/apiserver/http/api-errors.ts';
import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import type { CachedObject } from '#runtime/storage/cache.ts';

/** What is still in a namespace that goes. */
export interface Remainder {
  readonly resource: ResourceInfo;
  readonly count: number;
  /** How many objects each finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>;
}

export function remainderOf(resource: ResourceInfo, items: Iterable<CachedObject>): Remainder | undefined {
  const finalizers = new Map<string, number>();
  let count = 0;
  for (const { object } of items) {
    count += 1;
    for (const finalizer of object.metadata.finalizers ?? []) {
      finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
    }
  }
  return count === 0 ? undefined : { resource, count, finalizers };
}

/** How the deletion of a namespace goes on, in the condition types that Kubernetes has for it. Pure. */
export function deletionConditions(
  remainders: readonly Remainder[],
  failure: Error | undefined,
): readonly ConditionValue[] {
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      status: 'False',
      reason: 'ResourcesDiscovered',
      message: 'All resources are known.',
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      status: 'False',
      reason: 'ParsedGroupVersions',
      message: 'All group versions are known.',
    },
    contentFailure(failure),
    contentRemaining(remainders),
    finalizersRemaining(remainders),
  ];
}

function contentFailure(failure: Error | undefined): ConditionValue {
  const type = 'NamespaceDeletionContentFailure';
  if (failure === undefined) {
    return { type, status: 'False', reason: 'ContentDeleted', message: 'The deletion of all content was accepted.' };
  }
  return {
    type,
    status: 'True',
    reason: 'ContentDeletionFailed',
    message: `Some content could not be deleted: ${failure.message}`,
  };
}

function contentRemaining(remainders: readonly Remainder[]): ConditionValue {
  const type = 'NamespaceContentRemaining';
  if (remainders.length === 0) {
    return { type, status: 'False', reason: 'ContentRemoved', message: 'All content is gone.' };
  }
  const parts = remainders.map(({ resource, count }) => `${qualified(resource)} (${count})`);
  return { type, status: 'True', reason: 'SomeResourcesRemain', message: `Still there: ${parts.join(', ')}.` };
}

function finalizersRemaining(remainders: readonly Remainder[]): ConditionValue {
  const type = 'NamespaceFinalizersRemaining';
  const counts = new Map<string, number>();
  for (const { finalizers } of remainders) {
    for (const [finalizer, count] of finalizers) counts.set(finalizer, (counts.get(finalizer) ?? 0) + count);
  }
  if (counts.size === 0) {
    return { type, status: 'False', reason: 'ContentHasNoFinalizers', message: 'No finalizer holds any content.' };
  }
  const parts = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${name} (${count})`);
  return { type, status: 'True', reason: 'SomeFinalizersRemain', message: `Held by finalizers: ${parts.join(', ')}.` };
}
