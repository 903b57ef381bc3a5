import type { Action } from '#runtime/plan/plan.ts';
import type { OrderedActions } from '#runtime/plan/order.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { DriverRuntime } from './driver-runtime.ts';
import type { ControllerMetrics } from './metrics.ts';

export interface CarryOutOptions<W> {
  readonly world: W;
  /** By the driver's own name, which its actions carry. */
  readonly drivers: ReadonlyMap<string, DriverRuntime<W>>;
  readonly metrics: ControllerMetrics;
  readonly log: Logger;
  /** Throws when somebody else leads now; asked before each action. */
  readonly fence: () => void;
  readonly signal: AbortSignal;
}

/**
 * Carries a plan out, action by action: first what makes, settled, then what takes away, settled. The first failure ends it; what was done before is
 * settled all the same and stays known, what failed makes its driver look again. Rejects with that failure.
 */
export async function carryOut<W>(options: CarryOutOptions<W>, ordered: OrderedActions): Promise<void> {
  await carryOutStep(options, ordered.makes);
  await carryOutStep(options, ordered.removes);
}

async function carryOutStep<W>(options: CarryOutOptions<W>, actions: readonly Action[]): Promise<void> {
  if (actions.length === 0) return;
  const done = new Map<DriverRuntime<W>, Action[]>();
  let failure: { readonly err: unknown } | undefined;
  for (const action of actions) {
    const runtime = options.drivers.get(action.driver);
    if (runtime === undefined) continue;
    try {
      await applyOne(options, runtime, action);
    } catch (err) {
      runtime.snapshots.invalidate();
      failure = { err };
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
      failure ??= { err };
    }
  }
  if (failure !== undefined) throw failure.err;
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
