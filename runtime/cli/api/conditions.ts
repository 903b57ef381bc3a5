import { isRecord } from '#runtime/base/json.ts';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';

/** What an object, of whatever kind, says of itself; nothing of one that is not there. */
export function conditionsOf(object: KubeObject | undefined): readonly Condition[] {
  const status = object?.['status'];
  return isRecord(status) && Array.isArray(status['conditions']) ? (status['conditions'] as readonly Condition[]) : [];
}
