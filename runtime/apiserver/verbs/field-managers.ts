import { isEqual } from '#runtime/base/json.ts';
import { trackUpdate } from '#runtime/apiserver/managed-fields/index.ts';
import type { KubeObject, ManagedFieldsEntry } from '#schemas/meta/object.ts';
import type { VerbContext } from './context.ts';
import type { WriteRequest } from './write-request.ts';

/** `next` with managedFields that say who changed what by this write. */
export function trackChange(
  context: VerbContext,
  write: WriteRequest,
  live: KubeObject | undefined,
  next: KubeObject,
): KubeObject {
  const { resource, manager, subresource } = write;
  return trackUpdate({
    live,
    next,
    manager,
    subresource,
    apiVersion: resource.apiVersion,
    schema: resource.info.schema,
    now: context.clock.now(),
    ignored: ignoredFields(write),
  });
}

/** Fields that a write of this endpoint leaves alone, so that nobody comes to own them by it. */
export function ignoredFields({ subresource, resource: { strategy } }: WriteRequest): readonly string[] {
  const { status, isMetadataInParts = false, resetFields = {} } = strategy;
  if (!status) return [];
  const own = resetFields[subresource] ?? [];
  if (subresource === 'status') return isMetadataInParts ? ['spec', ...own] : own;
  return subresource === '' ? ['status', ...own] : own;
}

/** Whether a write leaves everything as it is, but for the times at which managers are said to have acted. The order of fields does not count. */
export function isUnchanged(live: KubeObject, next: KubeObject): boolean {
  const fields = new Set([...Object.keys(live), ...Object.keys(next)]);
  fields.delete('metadata');
  for (const field of fields) if (live[field] !== next[field] && !isEqual(live[field], next[field])) return false;
  return isSameMetadata(live.metadata, next.metadata);
}

function isSameMetadata(live: KubeObject['metadata'], next: KubeObject['metadata']): boolean {
  if (live === next) return true;
  const { managedFields: before = [], resourceVersion: _before, ...rest } = live;
  const { managedFields: after = [], resourceVersion: _after, ...nextRest } = next;
  return isEqual(rest, nextRest) && isSameManagers(before, after);
}

function isSameManagers(before: readonly ManagedFieldsEntry[], after: readonly ManagedFieldsEntry[]): boolean {
  if (before === after) return true;
  return (
    before.length === after.length &&
    before.every((entry, index) => isEqual(withoutTime(entry), withoutTime(after[index])))
  );
}

function withoutTime(entry: ManagedFieldsEntry | undefined): unknown {
  return entry === undefined ? undefined : { ...entry, time: undefined };
}
