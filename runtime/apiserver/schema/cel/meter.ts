import { RefusedError } from '#runtime/base/errors.ts';

/** Cost units of one rule on one value, and of all rules on one object (the limits of Kubernetes, apis/cel/config.go). */
export const RULE_BUDGET = 1_000_000;
export const OBJECT_BUDGET = 10_000_000;

/**
 * What evaluation may still cost. One counter for all: a rule is evaluated in one go, and whoever starts one sets it. About one unit is
 * spent for each node of the expression, ten characters of text or one element of a list that is looked at.
 */
export const meter = { left: 0 };

/** Thrown again and again: making an error for each node after the budget is gone would cost more than the budget. */
const OVERDRAWN = new RefusedError('CostBudgetExceeded', 'actual cost limit exceeded');

/** Spends units; throws when there are none left. The meter stays overdrawn, since `||` and macros swallow errors. */
export function charge(units: number): void {
  meter.left -= units;
  if (meter.left < 0) throw OVERDRAWN;
}

/** How much work it is to look at a value once. */
export function effortOf(value: unknown): number {
  if (typeof value === 'string') return value.length / 10;
  if (Array.isArray(value)) return value.length;
  return value instanceof Map || value instanceof Set ? value.size : 1;
}
