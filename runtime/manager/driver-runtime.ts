import type { Clock } from '#runtime/base/clock.ts';
import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { AnyDriver } from './controller.ts';
import { createSettleBatch, type SettleBatch } from './settle-batch.ts';
import { createSnapshotKeeper, type SnapshotKeeper } from './snapshot-keeper.ts';

/** Owners by `ownerId`; all of them when undefined. */
export type DriftListener = (owners: readonly string[] | undefined) => void;

/** A driver at work: what it last saw, and its batches. Shared by all controllers that use the driver. */
export interface DriverRuntime<W> {
  readonly driver: AnyDriver<W>;
  readonly snapshots: SnapshotKeeper;
  /** Absent where there is nothing to settle: nobody waits for company then. */
  readonly batch: SettleBatch | undefined;
  onDrift(listener: DriftListener): void;
}

/** All drivers of a manager. */
export interface DriverRuntimes<W> {
  of(driver: AnyDriver<W>): DriverRuntime<W>;
  /** Forgets every snapshot. */
  invalidate(): void;
}

export interface DriverRuntimesOptions<W> {
  readonly world: W;
  readonly log: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long a settle waits for company; 3 ms unless given. */
  readonly gatherMs?: number;
}

const observeTimeoutMs = 120_000;
const settleTimeoutMs = 120_000;
const driftRetry: Backoff = { firstMs: 1_000, maxMs: 60_000, factor: 2, jitterRatio: 0.2 };

/** No driver runs yet; each starts to watch for drift when it is first asked for. */
export function createDriverRuntimes<W>(options: DriverRuntimesOptions<W>): DriverRuntimes<W> {
  const runtimes = new Map<AnyDriver<W>, DriverRuntime<W>>();
  return {
    of: (driver) => {
      const known = runtimes.get(driver);
      if (known !== undefined) return known;
      const runtime = createDriverRuntime(driver, options);
      runtimes.set(driver, runtime);
      return runtime;
    },
    invalidate: () => {
      for (const { snapshots } of runtimes.values()) snapshots.invalidate();
    },
  };
}

function createDriverRuntime<W>(driver: AnyDriver<W>, options: DriverRuntimesOptions<W>): DriverRuntime<W> {
  const { world, signal, clock, gatherMs = 3 } = options;
  const bounded = (ms: number): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  const snapshots = createSnapshotKeeper(driver, async () => {
    const found: unknown = await driver.observe(world, bounded(observeTimeoutMs));
    return found;
  });
  const settleAll = async (actions: readonly Action[]): Promise<void> =>
    await driver.settle?.(actions, world, bounded(settleTimeoutMs));
  const listeners: DriftListener[] = [];
  const onDrift: DriftListener = (owners) => {
    snapshots.invalidate();
    for (const listener of listeners) listener(owners);
  };
  if (driver.watchDrift !== undefined) void watchDrift(driver, onDrift, options);
  return {
    driver,
    snapshots,
    batch: driver.settle === undefined ? undefined : createSettleBatch(settleAll, { clock, gatherMs }),
    onDrift: (listener) => void listeners.push(listener),
  };
}

/** Watches again when watching fails; what changed meanwhile is found by looking at all. */
async function watchDrift<W>(
  driver: AnyDriver<W>,
  onDrift: DriftListener,
  options: DriverRuntimesOptions<W>,
): Promise<void> {
  const { world, signal, log, clock } = options;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      await driver.watchDrift?.(world, onDrift, signal);
      return;
    } catch (err) {
      if (signal.aborted) return;
      log.warn({ err, driver: driver.name }, 'drift is not watched');
      onDrift(undefined);
      await clock.sleep(backoffMs(driftRetry, attempt), signal).catch(() => undefined);
    }
  }
}
