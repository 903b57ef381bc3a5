import { createWorkQueue, type WorkQueue } from '#runtime/base/work-queue.ts';
import type { Clock } from '#runtime/base/clock.ts';
import type { CacheEvent } from '#runtime/storage/cache.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

/**
 * One thing that the server keeps true by itself.
 *
 * Flow: `resync` and `observe` only add keys; `work` looks at what is true now and does what is missing.
 * Guarantees that an implementation gives: `work` may be repeated and may be cut off at any point; `observe` and `resync` never wait.
 */
export interface LifecycleTask {
  readonly name: string;
  /** Keys worked on at once. */
  readonly workers: number;
  /** Adds every key that might need work: at the start, after a gap in the events, and from time to time. */
  resync(queue: WorkQueue): void;
  observe(event: CacheEvent, queue: WorkQueue): void;
  /** Errors are retried with back-off. */
  work(key: string, queue: WorkQueue): Promise<void>;
}

export interface RunningTask {
  readonly task: LifecycleTask;
  readonly queue: WorkQueue;
  /** Resolves when the signal has aborted and no work is going on. */
  readonly stopped: Promise<void>;
}

/** Starts the workers of a task; they stop when `signal` aborts. */
export function runTask(
  task: LifecycleTask,
  options: { readonly log: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): RunningTask {
  const { clock, signal } = options;
  const queue = createWorkQueue({ clock });
  const log = options.log.child({ task: task.name });
  signal.addEventListener('abort', () => queue.close(), { once: true });
  if (signal.aborted) queue.close();
  const workers = Array.from({ length: task.workers }, () => workUntilClosed(task, queue, log));
  return { task, queue, stopped: Promise.all(workers).then(() => undefined) };
}

async function workUntilClosed(task: LifecycleTask, queue: WorkQueue, log: Logger): Promise<void> {
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    try {
      await task.work(key, queue);
      queue.forget(key);
    } catch (err) {
      const retryAfterMs = queue.retry(key);
      log.warn({ key, err, attempts: queue.attempts(key), retryAfterMs }, 'life cycle step failed');
    }
    queue.done(key);
  }
}
