import type { WorkQueueObserver } from '#runtime/base/work-queue.ts';
import type { CounterMetric, Metrics } from '#runtime/telemetry/metrics.ts';

/** How a round ended, in controller-runtime's words. */
export type ReconcileResult = 'success' | 'error' | 'requeue' | 'requeue_after';

/** What one controller counts, under controller-runtime's names where such exist, so that existing dashboards fit. */
export interface ControllerMetrics {
  readonly queue: WorkQueueObserver;
  reconciled(result: ReconcileResult, seconds: number): void;
  /** Stalled until somebody changes something. */
  refused(): void;
  active(change: 1 | -1): void;
  acted(driver: string, op: string, outcome: 'done' | 'failed'): void;
  statusWritten(): void;
}

const secondsBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const results: readonly ReconcileResult[] = ['success', 'error', 'requeue', 'requeue_after'];

/** The metrics of one controller; every series that can be is there from the start, with 0. */
export function createControllerMetrics(
  metrics: Metrics,
  controller: { readonly name: string; readonly concurrency: number; readonly depth: () => number },
): ControllerMetrics {
  const labels = { controller: controller.name };
  const counter = counterMaker(metrics);
  const total = counter('controller_runtime_reconcile_total', 'Rounds by result.', ['result']);
  const errors = counter('controller_runtime_reconcile_errors_total', 'Rounds that failed.');
  const terminal = counter(
    'controller_runtime_terminal_reconcile_errors_total',
    'Rounds that are not tried again until something changes.',
  );
  const actions = counter('wcp360_manager_actions_total', 'Actions carried out.', ['driver', 'op', 'outcome']);
  const writes = counter('wcp360_manager_status_writes_total', 'Status writes.');
  const gauge = (name: string, help: string) => metrics.gauge({ name, help, labels: ['controller'] });
  const active = gauge('controller_runtime_active_workers', 'Rounds under way.');
  const most = gauge('controller_runtime_max_concurrent_reconciles', 'Rounds that may be under way.');
  const seconds = metrics.histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Time of one round.',
    labels: ['controller'],
    buckets: secondsBuckets,
  });
  most.set(labels, controller.concurrency);
  for (const result of results) total.add({ ...labels, result }, 0);
  for (const one of [errors, terminal, writes]) one.add(labels, 0);
  const resultLabels = Object.fromEntries(results.map((result) => [result, { ...labels, result }]));
  return {
    queue: queueMetrics(metrics, controller),
    reconciled: (result, elapsed) => {
      total.add(resultLabels[result] ?? labels);
      if (result === 'error') errors.add(labels);
      seconds.observe(labels, elapsed);
    },
    refused: () => terminal.add(labels),
    active: (change) => active.add(labels, change),
    acted: (driver, op, outcome) => actions.add({ ...labels, driver, op, outcome }),
    statusWritten: () => writes.add(labels),
  };
}

function counterMaker(metrics: Metrics): (name: string, help: string, labels?: readonly string[]) => CounterMetric {
  return (name, help, labels = []) => metrics.counter({ name, help, labels: ['controller', ...labels] });
}

function queueMetrics(
  metrics: Metrics,
  controller: { readonly name: string; readonly depth: () => number },
): WorkQueueObserver {
  const labels = { name: controller.name };
  const perQueue = ['name'];
  const depth = metrics.gauge({ name: 'workqueue_depth', help: 'Keys that wait.', labels: perQueue });
  const adds = metrics.counter({ name: 'workqueue_adds_total', help: 'Keys added.', labels: perQueue });
  const retries = metrics.counter({ name: 'workqueue_retries_total', help: 'Keys put back.', labels: perQueue });
  const waited = metrics.histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'Time that a key waited.',
    labels: perQueue,
    buckets: secondsBuckets,
  });
  const worked = metrics.histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'Time that a key was worked on.',
    labels: perQueue,
    buckets: secondsBuckets,
  });
  const showDepth = (): void => depth.set(labels, controller.depth());
  adds.add(labels, 0);
  retries.add(labels, 0);
  return {
    onAdded: () => {
      adds.add(labels);
      showDepth();
    },
    onTaken: (ms) => {
      waited.observe(labels, ms / 1_000);
      showDepth();
    },
    onDone: (ms) => worked.observe(labels, ms / 1_000),
    onRetry: () => retries.add(labels),
  };
}
