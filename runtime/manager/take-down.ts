import { parseKeyText } from '#runtime/client/resource-type.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { orderActions, type DriverActions } from '#runtime/plan/order.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { carryOut, type CarryOutOptions } from './carry-out.ts';
import type { PlanningOptions } from './plan-object.ts';
import type { RemovalGuard } from './removal-guard.ts';

export interface TakeDownOptions<W> extends Omit<CarryOutOptions<W>, 'drivers'> {
  readonly planning: PlanningOptions<W>;
  readonly removals?: RemovalGuard | undefined;
}

/**
 * Ends what serves here for an owner without an object, in the order of a deletion; only in drivers that tell of owners. Nothing while removals are held.
 * What was done.
 */
export async function takeDown<W>(options: TakeDownOptions<W>, kind: string, key: string): Promise<readonly Action[]> {
  if (options.removals?.hold() !== undefined) return [];
  const { namespace = '', name } = parseKeyText(key);
  const owner: Owner = { kind, namespace, name, uid: '' };
  const runtimes = options.planning.drivers.filter(([, { driver }]) => driver.owners !== undefined);
  const plans: DriverActions[] = [];
  for (const [name, { driver, snapshots }] of runtimes) {
    const observed: unknown = driver.of(owner, snapshots.peek() ?? (await snapshots.get()));
    const left: unknown = driver.orphaned?.(owner, observed) ?? driver.nothing;
    const actions = driver.plan(owner, driver.normalize(left), observed) as readonly Action[];
    plans.push({ driver: name, actions });
  }
  const drivers = new Map(runtimes.map(([, runtime]) => [runtime.driver.name, runtime]));
  const ordered = orderActions(plans, true);
  await carryOut({ ...options, drivers }, ordered);
  return ordered.removes;
}
