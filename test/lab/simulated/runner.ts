import { createWorkQueue } from '#runtime/base/work-queue.ts';
import { keyText } from '#runtime/client/resource-type.ts';
import type { AnyController, AnyDriver } from '#runtime/manager/controller.ts';
import { createDriverRuntimes } from '#runtime/manager/driver-runtime.ts';
import { createControllerMetrics } from '#runtime/manager/metrics.ts';
import { storeKeyOf } from '#runtime/manager/object-store.ts';
import { createEchoFilter } from '#runtime/manager/own-echo.ts';
import { createReconciler } from '#runtime/manager/reconciler.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import type { ClusterWorld } from '#controllers/parts.ts';
import type { SimulatedApi } from './api.ts';
import type { SimulatedTime } from './time.ts';

/** A controller at work in simulated time. */
export interface SimulatedRunner {
  runUntil(ms: number): Promise<void>;
  /** How often it has looked at an object so far. */
  rounds(): number;
}

/** The manager's own loop, queue and drivers, one round at a time: time goes on when nobody has anything to do. */
export function createSimulatedRunner(
  controller: AnyController<ClusterWorld>,
  { time, api }: { readonly time: SimulatedTime; readonly api: SimulatedApi },
): SimulatedRunner {
  const { cache, client } = api;
  const { signal } = new AbortController();
  const world = { client, cache };
  const common = { controller, world, cache, client, clock: time, log: silentLogger, signal };
  const queue = createWorkQueue({ clock: time });
  const drivers = createDriverRuntimes(common);
  const metrics = createControllerMetrics(createMetrics(), { name: controller.name, concurrency: 1, depth: () => 0 });
  const events = { record: () => undefined, flush: async () => await Promise.resolve() };
  const reconciler = createReconciler({ ...common, drivers, queue, metrics, events, fence: () => undefined });
  const echoes = createEchoFilter({
    isFailing: (key) => queue.attempts(key) > 0,
    writtenRevision: (key) => reconciler.writtenRevision(key),
    add: (key) => queue.add(key),
  });
  let rounds = 0;
  feed({ controller, api, onChange: echoes.onChange, add: (key) => queue.add(key) });
  for (const driver of Object.values(controller.drivers as Record<string, AnyDriver<ClusterWorld>>))
    drivers.of(driver).onDrift((owners) => owners?.forEach((owner) => queue.add(owner.slice(owner.indexOf('/') + 1))));
  const round = async (): Promise<void> => {
    const key = (await queue.take()) ?? '';
    rounds += 1;
    echoes.begin(key);
    await time.during(async () => void (await reconciler.reconcile(key, signal)));
    echoes.end(key);
    queue.done(key);
  };
  return {
    rounds: () => rounds,
    runUntil: async (ms) => {
      while (queue.depth > 0 || (await time.next(ms))) if (queue.depth > 0) await round();
    },
  };
}

interface Feed {
  readonly controller: AnyController<ClusterWorld>;
  readonly api: SimulatedApi;
  readonly onChange: ReturnType<typeof createEchoFilter>['onChange'];
  readonly add: (key: string) => void;
}

interface Reading {
  readonly reads?: AnyController<ClusterWorld>['indexes'];
}

/** What the controller watches puts keys into its queue. */
function feed({ controller, api, onChange, add }: Feed): void {
  const drivers = Object.values(controller.drivers as Record<string, Reading>);
  const reads = [...(controller.indexes ?? []), ...drivers.flatMap((driver) => driver.reads ?? [])];
  for (const { kind, index } of reads) api.addIndex(kind, index);
  api.subscribe((change) => {
    const { object } = change;
    if (object.kind === controller.kind.kind) onChange(storeKeyOf(object), change);
    for (const watch of controller.watches.filter(({ kind }) => kind.kind === object.kind))
      for (const key of watch.keysOf(object, api.cache)) add(keyText(key));
  });
}
