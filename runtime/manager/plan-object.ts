import { isEqual } from '#runtime/base/json.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import type { DriverActions } from '#runtime/plan/order.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { KindDefinition, ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Cache } from './cache.ts';
import { isPending, isRefused, type AnyController, type Pending } from './controller.ts';
import type { DriverRuntime } from './driver-runtime.ts';

/** One state per driver, by its name in the controller. The types are known to the drivers alone. */
export type States = Readonly<Record<string, unknown>>;

/** What is to be done for one object, and what that was decided from. */
export type PlannedObject =
  | {
      readonly phase: 'pending' | 'refused';
      readonly reason: string;
      readonly message: string;
      readonly retryAfterMs: number | undefined;
    }
  | PlannedActions;

export interface PlannedActions {
  readonly phase: 'planned';
  readonly inputs: unknown;
  readonly desired: States;
  readonly observed: States;
  /** In the order of creation. */
  readonly plans: readonly DriverActions[];
  /** What is still under way though nothing is left to do. */
  readonly waitsFor: string | undefined;
}

export interface PlanningOptions<W> {
  readonly controller: AnyController<W>;
  readonly cache: Cache;
  /** By their name in the controller, in the order of creation. */
  readonly drivers: readonly (readonly [string, DriverRuntime<W>])[];
}

/** What is in an object's way may go without a change of the object. */
const conflictLookMs = 60_000;

/** The object as the mark of what is made for it. */
export function ownerOf(object: KubeObject): Owner {
  const { name, namespace = '', uid = '' } = object.metadata;
  return { kind: object.kind, namespace, name, uid };
}

/** True once somebody asked for its deletion. */
export function isDeleting(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

/** Whether what a controller has for an object is taken down: the object is being deleted, or leaves. */
export function isTakenDown<W>({ controller }: Pick<PlanningOptions<W>, 'controller'>, object: KubeObject): boolean {
  return isDeleting(object) || controller.leaves?.(object as ResourceOf<KindDefinition>) === true;
}

/**
 * gather → desired → normalize → plan, for reconciler and plan requests alike: reads the cache and the drivers' snapshots, changes nothing.
 * What is taken down wants what `afterDeletion` says, or nothing, whatever gather finds.
 */
export async function planObject<W>(options: PlanningOptions<W>, object: KubeObject): Promise<PlannedObject> {
  const { controller, cache } = options;
  // The cache holds objects of this controller's kind only under their type.
  const resource = object as ResourceOf<KindDefinition>;
  const gathered: unknown = controller.gather(resource, cache);
  const deleting = isTakenDown(options, object);
  if (!deleting && isPending(gathered)) return { phase: 'pending', retryAfterMs: undefined, ...gathered.pending };
  if (!deleting && isRefused(gathered)) return { phase: 'refused', retryAfterMs: undefined, ...gathered.refused };
  const inputs = isPending(gathered) || isRefused(gathered) ? undefined : gathered;
  const wanted: States | Pending | undefined = deleting
    ? controller.afterDeletion?.(resource, inputs)
    : controller.desired(resource, inputs);
  if (isPending(wanted)) return { phase: 'pending', retryAfterMs: undefined, ...wanted.pending };
  return await planDrivers(options, { owner: ownerOf(object), inputs, wanted: wanted as States | undefined });
}

async function planDrivers<W>(
  options: PlanningOptions<W>,
  subject: { readonly owner: Owner; readonly inputs: unknown; readonly wanted: States | undefined },
): Promise<PlannedObject> {
  const { owner, inputs, wanted } = subject;
  const desired: Record<string, unknown> = {};
  const observed: Record<string, unknown> = {};
  const plans: DriverActions[] = [];
  let waitsFor: string | undefined;
  for (const [name, { driver, snapshots }] of options.drivers) {
    const state: unknown = wanted === undefined ? driver.nothing : wanted[name];
    const to: unknown = driver.normalize(state);
    const snapshot: unknown = snapshots.peek() ?? (await snapshots.get());
    const conflict = driver.conflict?.(to, snapshot);
    if (conflict !== undefined) return { phase: 'refused', retryAfterMs: conflictLookMs, ...conflict };
    const from: unknown = driver.of(owner, snapshot);
    desired[name] = to;
    observed[name] = from;
    const actions = driver.plan(owner, to, from) as readonly Action[];
    plans.push({ driver: name, actions });
    waitsFor ??= driver.waitsFor?.(owner, to, from);
  }
  return { phase: 'planned', inputs, desired, observed, plans, waitsFor };
}

/** Equal wanted states: what failed for good with one fails with the other. */
export function isSameDesired(a: States, b: States): boolean {
  return isEqual(a, b);
}
