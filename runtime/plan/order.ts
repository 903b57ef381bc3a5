import type { Action } from './plan.ts';

/** What one driver planned. */
export interface DriverActions {
  readonly driver: string;
  readonly actions: readonly Action[];
}

/** A plan in two steps: what makes or changes, then what takes away. */
export interface OrderedActions {
  readonly makes: readonly Action[];
  readonly removes: readonly Action[];
}

const removal = /^(?:delete|purge|keep)-/;

/** Whether an action takes something away: its op begins with `delete-`, `purge-` or `keep-` (moved aside). */
export function isRemoval(action: Action): boolean {
  return removal.test(action.op);
}

/**
 * The order in which a plan is carried out. `plans` come in the order of creation.
 *
 * | object    | first                                  | then                                       |
 * | --------- | -------------------------------------- | ------------------------------------------ |
 * | living    | what makes or changes, drivers forward | what takes away, drivers backward          |
 * | deleting  | –                                      | everything, drivers backward               |
 *
 * So nothing is taken away while something still points at it: a site stops using a PHP pool before the pool goes.
 */
export function orderActions(plans: readonly DriverActions[], deleting: boolean): OrderedActions {
  const backward = plans.toReversed();
  if (deleting) return { makes: [], removes: backward.flatMap(({ actions }) => actions) };
  return {
    makes: plans.flatMap(({ actions }) => actions.filter((action) => !isRemoval(action))),
    removes: backward.flatMap(({ actions }) => actions.filter(isRemoval)),
  };
}
