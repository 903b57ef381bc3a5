import type { Condition } from './object.ts';

/** A condition as a controller states it: when it changed is worked out by mergeConditions. */
export type ConditionStatement = Omit<Condition, 'lastTransitionTime'>;

/** The condition of a type, if the object has one. */
export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** True when the condition is there and `True`. */
export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/**
 * The stated conditions with their times: `lastTransitionTime` stays while `status` stays and becomes `now` (RFC 3339) when it changes.
 * Conditions of other types are not returned: each writer owns its own by type. In the order stated.
 */
export function mergeConditions(
  present: readonly Condition[] | undefined,
  stated: readonly ConditionStatement[],
  now: string,
): readonly Condition[] {
  return stated.map((statement) => {
    const before = findCondition(present, statement.type);
    const stays = before !== undefined && before.status === statement.status;
    return { ...statement, lastTransitionTime: stays ? before.lastTransitionTime : now };
  });
}
