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

/** Ends what is here for an owner without an object, in the order of a deletion; only in drivers that tell of owners. Nothing while removals are held. */
export async function takeDown<W>(options: TakeDownOptions<W>, kind: string, key: string): Promise<void> {
  if (options.removals?.hold() !== undefined) return;
  const { namespace = '', name } = parseKeyText(key);
  const owner: Owner = { kind, namespace, name, uid: '' };
  const runtimes = options.planning.drivers.filter(([, { driver }]) => driver.owners !== undefined);
  const plans: DriverActions[] = [];
  for (const [name, { driver, snapshots }] of runtimes) {
    const observed: unknown = driver.of(owner, snapshots.peek() ?? (await snapshots.get()));
    const actions = driver.plan(owner, driver.normalize(driver.nothing), observed) as readonly Action[];
    plans.push({ driver: name, actions });
  }
  const drivers = new Map(runtimes.map(([, runtime]) => [runtime.driver.name, runtime]));
  await carryOut({ ...options, drivers }, orderActions(plans, true));
}
