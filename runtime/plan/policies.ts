import type { Action } from './plan.ts';

/** Why a plan is not empty, and what people said about that. */
export interface PolicyContext {
  /** What the object says about drift. */
  readonly drift: 'Enforce' | 'Warn' | 'Observe';
  /** The annotation `hosting.wcp360.io/paused`. */
  readonly paused: boolean;
  /** The wanted state already stood once and did not change since: somebody else changed what was found. */
  readonly drifted: boolean;
  readonly deleting: boolean;
}

/** A plan, parted by policy. `withheld` keeps its order, for the status and for people. */
export interface Filtered {
  readonly carriedOut: readonly Action[];
  readonly withheld: readonly Action[];
}

/**
 * A policy is a filter on a plan and nothing else.
 *
 * | policy  | the object changed | somebody else changed the world | deletion   |
 * | ------- | ------------------ | ------------------------------- | ---------- |
 * | Enforce | carried out        | carried out                     | carried out|
 * | Warn    | carried out        | withheld, told                  | carried out|
 * | Observe | withheld, told     | withheld, told                  | carried out|
 * | paused  | withheld, told     | withheld, told                  | withheld   |
 */
export function filterByPolicy(actions: readonly Action[], context: PolicyContext): Filtered {
  return isWithheld(context) ? { carriedOut: [], withheld: actions } : { carriedOut: actions, withheld: [] };
}

function isWithheld(context: PolicyContext): boolean {
  if (context.paused) return true;
  if (context.deleting) return false;
  switch (context.drift) {
    case 'Enforce':
      return false;
    case 'Warn':
      return context.drifted;
    case 'Observe':
      return true;
  }
}
