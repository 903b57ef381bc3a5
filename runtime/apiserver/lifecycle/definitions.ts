import type { Operations } from '#runtime/apiserver/operations.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { BugError, required } from '#runtime/base/errors.ts';
import { hasCondition, instanceFinalizer } from '#runtime/apiserver/registry/definition.ts';
import type { CacheEvent, WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { withConditions, type ConditionValue } from './conditions.ts';
import { deleteAll } from './deletion.ts';
import type { LifecycleTask } from './loop.ts';

export const definitionGroup = 'apiextensions.k8s.io';
export const definitionCollection = `${definitionGroup}/customresourcedefinitions`;
const settleMs = 50;
const heldRetryMs = 30_000;

export interface DefinitionTaskOptions {
  readonly operations: Operations;
  readonly cache: WatchCache;
  readonly clock: Clock;
}

/**
 * Deletes the objects of a CustomResourceDefinition that is being deleted, then lets it go. Objects that finalizers hold, hold the definition.
 */
export function definitionDeletion(options: DefinitionTaskOptions): LifecycleTask {
  const { cache } = options;
  return {
    name: 'definition-deletion',
    workers: 2,
    resync: (queue) => {
      for (const { name } of cache.list(definitionCollection)) queue.add(name, 'later');
    },
    observe: (event, queue) => {
      if (event.current.collection === definitionCollection) queue.add(event.current.name);
      else if (event.type === 'deleted') {
        const name = definitionOf(event);
        const definition = cache.get(definitionCollection, '', name)?.object;
        if (definition?.metadata.deletionTimestamp !== undefined) queue.addAfter(name, settleMs);
      }
    },
    work: async (name, queue) => {
      const definition = cache.get(definitionCollection, '', name)?.object;
      if (definition?.metadata.deletionTimestamp === undefined) return;
      if (definition.metadata.finalizers?.includes(instanceFinalizer) !== true) return;
      if (!(await removeInstances(options, definition))) queue.addAfter(name, heldRetryMs);
    },
  };
}

/** The name of the definition that an object's collection would have. */
function definitionOf(event: CacheEvent): string {
  const [group = '', resource = ''] = event.current.collection.split('/');
  return `${resource}.${group}`;
}

async function removeInstances(options: DefinitionTaskOptions, definition: KubeObject): Promise<boolean> {
  const { operations, cache } = options;
  const { group, plural } = namesOf(definition);
  const collection = `${group}/${plural}`;
  const resource = operations.resource(group, plural);
  await cache.sync();
  if (cache.count(collection) > 0) {
    if (resource === undefined) throw new BugError('objects of a definition that is going are no longer served');
    await report(options, definition, inProgress);
    const failure = await deleteAll(operations, resource, cache.list(collection));
    if (failure !== undefined) throw failure;
    await cache.sync();
    if (cache.count(collection) > 0) return false;
  }
  // Nobody reads the conditions of what is gone.
  if ((definition.metadata.finalizers ?? []).length > 1)
    await report(options, definition, hasCondition(definition, 'Established') ? completed : neverEstablished);
  await change(options, definition, (live) => {
    const { finalizers = [] } = live.metadata;
    if (!finalizers.includes(instanceFinalizer)) return undefined;
    return {
      ...live,
      metadata: { ...live.metadata, finalizers: finalizers.filter((one) => one !== instanceFinalizer) },
    };
  });
  return true;
}

const inProgress = terminating('True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress');
const completed = terminating('False', 'InstanceDeletionCompleted', 'removed all instances');
const neverEstablished = terminating('False', 'NeverEstablished', 'resource was never established');

function terminating(status: 'True' | 'False', reason: string, message: string): ConditionValue {
  return { type: 'Terminating', status, reason, message };
}

async function report(
  options: DefinitionTaskOptions,
  definition: KubeObject,
  condition: ConditionValue,
): Promise<void> {
  const changed = (live: KubeObject) => withConditions(live, [condition], options.clock.now());
  await change(options, definition, changed, { subresource: 'status' });
}

async function change(
  options: DefinitionTaskOptions,
  definition: KubeObject,
  changed: (live: KubeObject) => KubeObject | undefined,
  target: { readonly subresource?: 'status' } = {},
): Promise<void> {
  const { operations } = options;
  const resource = required(operations.resource(definitionGroup, 'customresourcedefinitions'), 'the CRD resource');
  const { uid, name } = definition.metadata;
  const sameOnly = (live: KubeObject) => (live.metadata.uid === uid ? changed(live) : undefined);
  await operations.mutate(resource, { namespace: '', name }, sameOnly, target);
}

function namesOf(definition: KubeObject): { readonly group: string; readonly plural: string } {
  const spec = definition['spec'] as { readonly group: string; readonly names: { readonly plural: string } };
  return { group: spec.group, plural: spec.names.plural };
}
