import type { ConditionValue } from '#runtime/apiserver/lifecycle/conditions.ts';
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

/** How the deletion of a namespace goes on, in the conditions and words that Kubernetes has for it. Pure. */
export function deletionConditions(
  remainders: readonly Remainder[],
  failure: Error | undefined,
): readonly ConditionValue[] {
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      status: 'False',
      reason: 'ResourcesDiscovered',
      message: 'All resources successfully discovered',
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      status: 'False',
      reason: 'ParsedGroupVersions',
      message: 'All legacy kube types successfully parsed',
    },
    contentFailure(failure),
    contentRemaining(remainders),
    finalizersRemaining(remainders),
  ];
}

function contentFailure(failure: Error | undefined): ConditionValue {
  const type = 'NamespaceDeletionContentFailure';
  if (failure === undefined) {
    const message = 'All content successfully deleted, may be waiting on finalization';
    return { type, status: 'False', reason: 'ContentDeleted', message };
  }
  const message = `Failed to delete all resource types, 1 remaining: ${failure.message}`;
  return { type, status: 'True', reason: 'ContentDeletionFailed', message };
}

function contentRemaining(remainders: readonly Remainder[]): ConditionValue {
  const type = 'NamespaceContentRemaining';
  if (remainders.length === 0)
    return { type, status: 'False', reason: 'ContentRemoved', message: 'All content successfully removed' };
  const parts = remainders.map(({ resource: { resource, group }, count }) => `${resource}.${group} has ${count}`);
  const message = `Some resources are remaining: ${instances(parts)}`;
  return { type, status: 'True', reason: 'SomeResourcesRemain', message };
}

function finalizersRemaining(remainders: readonly Remainder[]): ConditionValue {
  const type = 'NamespaceFinalizersRemaining';
  const counts = new Map<string, number>();
  for (const { finalizers } of remainders) {
    for (const [finalizer, count] of finalizers) counts.set(finalizer, (counts.get(finalizer) ?? 0) + count);
  }
  if (counts.size === 0) {
    const message = 'All content-preserving finalizers finished';
    return { type, status: 'False', reason: 'ContentHasNoFinalizers', message };
  }
  const parts = Array.from(counts, ([name, count]) => `${name} in ${count}`);
  const message = `Some content in the namespace has finalizers remaining: ${instances(parts)}`;
  return { type, status: 'True', reason: 'SomeFinalizersRemain', message };
}

function instances(parts: readonly string[]): string {
  return parts
    .map((part) => `${part} resource instances`)
    .toSorted()
    .join(', ');
}
