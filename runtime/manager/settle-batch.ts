import type { Clock } from '#runtime/base/clock.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import type { Action } from '#runtime/plan/plan.ts';

/** Settles the actions of many owners together: whoever comes within a few milliseconds, or while a settle is under way, shares the next one. */
export interface SettleBatch {
  /** Resolves when these actions are settled; rejects with the reason of the one who is to blame. */
  settle(actions: readonly Action[]): Promise<void>;
}

interface Waiter {
  readonly actions: readonly Action[];
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** `gatherMs` is how long the first one waits for others. */
export function createSettleBatch(
  settleAll: (actions: readonly Action[]) => Promise<void>,
  options: { readonly clock: Clock; readonly gatherMs: number },
): SettleBatch {
  let waiters: Waiter[] = [];
  let running = false;
  const run = async (): Promise<void> => {
    while (waiters.length > 0) {
      await options.clock.sleep(options.gatherMs);
      const batch = waiters;
      waiters = [];
      await settleTogether(batch, settleAll);
    }
    running = false;
  };
  return {
    settle: (actions) =>
      new Promise((resolve, reject) => {
        waiters.push({ actions, resolve, reject });
        if (running) return;
        running = true;
        run().catch(reject);
      }),
  };
}

async function settleTogether(
  batch: readonly Waiter[],
  settleAll: (actions: readonly Action[]) => Promise<void>,
): Promise<void> {
  try {
    await settleAll(batch.flatMap(({ actions }) => actions));
    for (const { resolve } of batch) resolve();
  } catch (err) {
    // A refusal is somebody's fault and must not be everybody's; a daemon that is down is nobody's.
    if (err instanceof RefusedError && batch.length > 1) await settleOneByOne(batch, settleAll);
    else for (const { reject } of batch) reject(err);
  }
}

async function settleOneByOne(
  batch: readonly Waiter[],
  settleAll: (actions: readonly Action[]) => Promise<void>,
): Promise<void> {
  for (const { actions, resolve, reject } of batch) {
    await settleAll(actions).then(resolve, reject);
  }
}
