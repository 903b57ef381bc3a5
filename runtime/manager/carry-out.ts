import type { Action } from '#runtime/plan/plan.ts';
import type { OrderedActions } from '#runtime/plan/order.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { DriverRuntime } from './driver-runtime.ts';
import type { ControllerMetrics } from './metrics.ts';
import { refusalOf } from './outcomes.ts';

export interface CarryOutOptions<W> {
  readonly world: W;
  /** By the driver's own name, which its actions carry. */
  readonly drivers: ReadonlyMap<string, DriverRuntime<W>>;
  readonly metrics: ControllerMetrics;
  readonly log: Logger;
  /** Throws when somebody else leads now; asked before each action. */
  readonly fence: () => void;
  readonly signal: AbortSignal;
  /** What is wanted is not the object's own wish: nothing that fails keeps the rest from being carried out. */
  readonly isImposed?: boolean;
}

/**
 * Carries a plan out, action by action: first what makes, settled, then what takes away, settled. The first failure ends it; what was done before is
 * settled all the same and stays known, what failed makes its driver look again. Rejects with that failure.
 * What is imposed is carried out as far as it can be; of several failures it rejects with one that is worth another try, if there is one.
 */
export async function carryOut<W>(options: CarryOutOptions<W>, ordered: OrderedActions): Promise<void> {
  const failures: unknown[] = [];
  for (const actions of [ordered.makes, ordered.removes]) {
    failures.push(...(await carryOutStep(options, actions)));
    if (failures.length > 0 && options.isImposed !== true) break;
  }
  // The last one: who leads no longer fails with that from then on.
  if (failures.length > 0) throw failures.findLast((err) => refusalOf(err) === undefined) ?? failures[0];
}

/** Gives what failed. */
async function carryOutStep<W>(options: CarryOutOptions<W>, actions: readonly Action[]): Promise<readonly unknown[]> {
  const done = new Map<DriverRuntime<W>, Action[]>();
  const failures: unknown[] = [];
  for (const action of actions) {
    const runtime = options.drivers.get(action.driver);
    if (runtime === undefined) continue;
    try {
      await applyOne(options, runtime, action);
    } catch (err) {
      runtime.snapshots.invalidate();
      failures.push(err);
      if (options.isImposed === true) continue;
      break;
    }
    const ofDriver = done.get(runtime);
    if (ofDriver === undefined) done.set(runtime, [action]);
    else ofDriver.push(action);
  }
  for (const [runtime, ofDriver] of done) {
    try {
      await settle(runtime, ofDriver);
    } catch (err) {
      failures.push(err);
    }
  }
  return failures;
}

async function settle<W>({ batch, snapshots }: DriverRuntime<W>, done: readonly Action[]): Promise<void> {
  try {
    await batch?.settle(done);
    snapshots.applied(done);
  } catch (err) {
    snapshots.invalidate();
    throw err;
  }
}

async function applyOne<W>(options: CarryOutOptions<W>, runtime: DriverRuntime<W>, action: Action): Promise<void> {
  const { world, signal, metrics, log } = options;
  const { driver, op, subject } = action;
  signal.throwIfAborted();
  options.fence();
  const startedMs = performance.now();
  const facts = { driver, op, subject };
  try {
    await runtime.driver.apply(action, world, signal);
  } catch (err) {
    metrics.acted(driver, op, 'failed');
    log.warn({ ...facts, err }, 'action failed');
    throw err;
  }
  metrics.acted(driver, op, 'done');
  const durationMs = Math.round(performance.now() - startedMs);
  if (runtime.driver.looks?.includes(op) === true) return;
  log.info({ ...facts, reason: action.reason, durationMs }, 'action done');
}
