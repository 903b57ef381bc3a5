import { withConditions } from '#runtime/apiserver/lifecycle/conditions.ts';
import { deleteAll } from '#runtime/apiserver/lifecycle/deletion.ts';
import type { LifecycleTask } from '#runtime/apiserver/lifecycle/loop.ts';
import { storedResources } from '#runtime/apiserver/lifecycle/object-refs.ts';
import type { Operations, ResourceInfo } from '#runtime/apiserver/operations.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { required } from '#runtime/base/errors.ts';
import type { CacheEvent, WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { deletionConditions, remainderOf, type Remainder } from './progress.ts';

export const namespaceCollection = 'core/namespaces';
/** The finalizer in `spec.finalizers` that stands for this task. */
export const kubernetesFinalizer = 'kubernetes';

/** Many deletions in one namespace are looked at together. */
const settleMs = 50;
/** Finalizers are other programs' work: their going is seen by events, this is only in case one was missed. */
const heldRetryMs = 30_000;
/** A create that passed admission just before the namespace was marked has been stored or refused by then. */
const stragglerMs = 10_000;

export interface NamespaceTaskOptions {
  readonly operations: Operations;
  readonly cache: WatchCache;
  readonly clock: Clock;
}

/**
 * Empties namespaces that are being deleted and then lets them go.
 *
 * Guarantees: content is deleted through the same verbs as by hand, so its finalizers hold it and the namespace; the namespace is finalized only after a read no
 * older than the store found it empty; an object that was written at that very moment is cleared soon after.
 */
export function namespaceDeletion(options: NamespaceTaskOptions): LifecycleTask {
  const { cache } = options;
  /** Namespaces whose end was seen by this process: only there does content without a namespace go. */
  const finished = new Set<string>();
  return {
    name: 'namespace-deletion',
    workers: 4,
    resync: (queue) => {
      for (const { name, object } of cache.list(namespaceCollection)) {
        if (object.metadata.deletionTimestamp !== undefined) queue.add(name, 'later');
      }
    },
    observe: (event, queue) => {
      const name = concernedNamespace(cache, event);
      if (name === undefined) return;
      if (event.current.collection !== namespaceCollection) queue.addAfter(name, settleMs);
      else if (event.type !== 'deleted') queue.add(name);
      else {
        finished.add(name);
        queue.addAfter(name, stragglerMs);
      }
    },
    work: async (name, queue) => {
      const namespace = cache.get(namespaceCollection, '', name)?.object;
      if (namespace === undefined) {
        if (finished.delete(name)) await clearStragglers(options, name);
      } else if (namespace.metadata.deletionTimestamp !== undefined) {
        if (!(await emptied(options, name))) queue.addAfter(name, heldRetryMs);
      }
    },
  };
}

function concernedNamespace(cache: WatchCache, event: CacheEvent): string | undefined {
  const { collection, namespace, name } = event.current;
  if (collection === namespaceCollection) {
    return event.type === 'deleted' || event.current.object.metadata.deletionTimestamp !== undefined ? name : undefined;
  }
  if (namespace === '') return undefined;
  const isEnding = cache.get(namespaceCollection, '', namespace)?.object.metadata.deletionTimestamp !== undefined;
  return isEnding ? namespace : undefined;
}

/** One pass over a namespace that goes; true when it was let go. */
async function emptied(options: NamespaceTaskOptions, name: string): Promise<boolean> {
  const { operations, cache, clock } = options;
  const resource = required(operations.resource('', 'namespaces'), 'the resource namespaces');
  await cache.sync();
  const failure = await deleteContent(options, name);
  await cache.sync();
  const remainders = remaindersIn(options, name);
  const conditions = deletionConditions(remainders, failure);
  const key = { namespace: '', name };
  const isStill = (live: KubeObject) => live.metadata.deletionTimestamp !== undefined;
  const isEmpty = remainders.length === 0 && failure === undefined;
  // Nobody reads the conditions of what is gone.
  if (!isEmpty || isHeldByOthers(cache.get(namespaceCollection, '', name)?.object)) {
    const change = (live: KubeObject) => (isStill(live) ? withConditions(live, conditions, clock.now()) : undefined);
    await operations.mutate(resource, key, change, { subresource: 'status' });
  }
  if (failure !== undefined) throw failure;
  if (!isEmpty) return false;
  await operations.mutate(resource, key, (live) => (isStill(live) ? withoutFinalizer(live) : undefined), {
    subresource: 'finalize',
  });
  return true;
}

function isHeldByOthers(namespace: KubeObject | undefined): boolean {
  const others = finalizersOf(namespace).filter((finalizer) => finalizer !== kubernetesFinalizer);
  return others.length + (namespace?.metadata.finalizers ?? []).length > 0;
}

function finalizersOf(namespace: KubeObject | undefined): readonly string[] {
  return ((namespace?.['spec'] ?? {}) as { readonly finalizers?: readonly string[] }).finalizers ?? [];
}

function* namespacedResources(operations: Operations): Iterable<ResourceInfo> {
  for (const resource of storedResources(operations)) if (resource.namespaced) yield resource;
}

async function deleteContent(options: NamespaceTaskOptions, name: string): Promise<Error | undefined> {
  const { operations, cache } = options;
  let failure: Error | undefined;
  for (const resource of namespacedResources(operations)) {
    if (cache.count(resource.collection, name) === 0) continue;
    const refused = await deleteAll(operations, resource, cache.list(resource.collection, name));
    failure ??= refused;
  }
  return failure;
}

function remaindersIn(options: NamespaceTaskOptions, name: string): readonly Remainder[] {
  const remainders: Remainder[] = [];
  for (const resource of namespacedResources(options.operations)) {
    const remainder = remainderOf(resource, options.cache.list(resource.collection, name));
    if (remainder !== undefined) remainders.push(remainder);
  }
  return remainders;
}

async function clearStragglers(options: NamespaceTaskOptions, name: string): Promise<void> {
  await options.cache.sync();
  // Made again meanwhile: what is in it now is somebody's.
  if (options.cache.get(namespaceCollection, '', name) !== undefined) return;
  const failure = await deleteContent(options, name);
  if (failure !== undefined) throw failure;
}

function withoutFinalizer(live: KubeObject): KubeObject | undefined {
  const finalizers = finalizersOf(live);
  if (!finalizers.includes(kubernetesFinalizer)) return undefined;
  const spec = { ...(live['spec'] as object), finalizers: finalizers.filter((other) => other !== kubernetesFinalizer) };
  return { ...live, spec };
}
