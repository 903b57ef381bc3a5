import { rfc3339 } from '#runtime/base/clock.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** A condition of a built-in kind; those of namespaces and definitions carry no observedGeneration. */
export interface ConditionValue {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

type StoredCondition = ConditionValue & { readonly lastTransitionTime?: string };

/**
 * The object with these conditions in its status, the others kept; `undefined` when nothing would change.
 * `lastTransitionTime` moves only with `status`. Pure.
 */
export function withConditions(
  object: KubeObject,
  wanted: readonly ConditionValue[],
  nowMs: number,
): KubeObject | undefined {
  const status = (object['status'] ?? {}) as { readonly conditions?: readonly StoredCondition[] };
  const present = status.conditions ?? [];
  const changed = wanted.filter((value) => !present.some((other) => isSame(other, value)));
  if (changed.length === 0) return undefined;
  const conditions = [...present];
  for (const value of changed) {
    const at = conditions.findIndex((other) => other.type === value.type);
    const before = conditions[at];
    const since = before?.status === value.status ? before.lastTransitionTime : undefined;
    const next = { ...value, lastTransitionTime: since ?? rfc3339(nowMs) };
    if (at < 0) conditions.push(next);
    else conditions[at] = next;
  }
  return { ...object, status: { ...status, conditions } };
}

function isSame(a: ConditionValue, b: ConditionValue): boolean {
  return a.type === b.type && a.status === b.status && a.reason === b.reason && a.message === b.message;
}
