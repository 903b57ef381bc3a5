import { breathe } from '#runtime/base/breathe.ts';
import { LostLeadershipError } from '#runtime/base/errors.ts';
import type { Share } from '#runtime/base/shares.ts';
import { createWorkQueue, type WorkQueue } from '#runtime/base/work-queue.ts';
import { keyText, parseKeyText } from '#runtime/client/resource-type.ts';
import type { Metrics } from '#runtime/telemetry/metrics.ts';
import type { KindDefinition, ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { CacheIndex } from './cache.ts';
import type { AnyController, AnyDriver, Watch } from './controller.ts';
import type { InformerSet } from './informer-set.ts';
import type { ObjectChange } from './informer.ts';
import { createControllerMetrics, type ControllerMetrics } from './metrics.ts';
import { storeKeyOf } from './object-store.ts';
import type { PlannedObject } from './plan-object.ts';
import type { OrphanKeeper } from './orphans.ts';
import { createEchoFilter, type EchoFilter } from './own-echo.ts';
import { createReconciler, type Reconciler, type ReconcilerOptions } from './reconciler.ts';

/** One controller at work: its queue, its workers, and what puts keys into the queue. */
export interface ControllerRunner extends OrphanKeeper {
  readonly name: string;
  /** Whether what is here for objects that are gone is its affair: of several controllers of a kind one has that. */
  readonly keepsOrphans: boolean;
  /** Works until the signal aborts or leadership is lost; call it once all caches have synced. */
  run(signal: AbortSignal): Promise<void>;
  /** Puts every object into the queue, behind all that is urgent. */
  resync(): void;
  plan(object: KubeObject): Promise<PlannedObject>;
  concerns(object: KubeObject): boolean;
}

export interface ControllerRunnerOptions<W> extends Omit<ReconcilerOptions<W>, 'queue' | 'metrics'> {
  readonly informers: InformerSet;
  readonly metrics: Metrics;
  readonly concurrency: number;
}

/** Declares what the controller reads and subscribes its queue; nothing runs yet. */
export function createControllerRunner<W>(options: ControllerRunnerOptions<W>): ControllerRunner {
  const { controller, informers, clock } = options;
  const concurrency = controller.concurrency ?? options.concurrency;
  const kind = controller.kind as KindDefinition;
  const metrics: ControllerMetrics = createControllerMetrics(options.metrics, {
    name: controller.name,
    concurrency,
    depth: () => queue.depth,
  });
  const shareOf = (key: string): Share | undefined => shareIn(options, key);
  const queue: WorkQueue = createWorkQueue({ clock, observer: metrics.queue, shareOf });
  const reconciler = createReconciler({ ...options, queue, metrics });
  declareReads(controller, informers);
  const echoes = createEchoFilter({
    isFailing: (key) => queue.attempts(key) > 0,
    writtenRevision: (key) => reconciler.writtenRevision(key),
    add: (key, { filling }) => queue.add(key, filling ? 'later' : 'soon'),
  });
  feed(options, queue, echoes);
  const resync = (): void => {
    for (const object of objectsOf(informers, kind)) queue.add(storeKeyOf(object), 'later');
  };
  return {
    kind,
    name: controller.name,
    keepsOrphans: controller.leaves === undefined,
    resync,
    plan: async (object) => await reconciler.plan(object),
    owners: async () => await ownersOf(options, kind),
    abandon: (keys) => keys.forEach((key) => abandonOne(reconciler, queue, key)),
    concerns: (object) => controller.concerns?.(object as ResourceOf<KindDefinition>) !== false,
    run: async (signal) => {
      const stop = (): void => queue.close();
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      resync();
      try {
        await Promise.all(
          Array.from(
            { length: concurrency },
            async () => await work({ queue, reconciler, metrics, echoes }, options, signal),
          ),
        );
      } finally {
        signal.removeEventListener('abort', stop);
        stop();
      }
    },
  };
}

function shareIn<W>({ controller, informers }: ControllerRunnerOptions<W>, key: string): Share | undefined {
  if (controller.shareOf === undefined) return undefined;
  const object = informers.cache.get(controller.kind as KindDefinition, parseKeyText(key));
  return object === undefined ? undefined : controller.shareOf(object);
}

function declareReads<W>(controller: AnyController<W>, informers: InformerSet): void {
  informers.add(controller.kind as KindDefinition);
  for (const { kind } of controller.watches) informers.add(kind);
  const drivers = Object.values(controller.drivers as Record<string, AnyDriver<W> & Partial<Reading>>);
  const reads = [...(controller.indexes ?? []), ...drivers.flatMap((driver) => driver.reads ?? [])];
  for (const { kind, index } of reads) informers.addIndex(kind, index);
}

/** Drivers whose state is in the API bring the indexes that they look children up by. */
interface Reading {
  readonly reads: readonly { readonly kind: KindDefinition; readonly index: CacheIndex }[];
}

/** Changes become keys; what changed is found by looking. */
function feed<W>(options: ControllerRunnerOptions<W>, queue: WorkQueue, echoes: EchoFilter): void {
  const { controller, informers } = options;
  const kind = controller.kind as KindDefinition;
  informers.subscribe(kind, (change) => echoes.onChange(storeKeyOf(change.object), change));
  for (const watch of controller.watches) {
    informers.subscribe(watch.kind, (change) => {
      for (const key of keysOf(options, watch, change)) queue.add(key, change.filling ? 'later' : 'soon');
    });
  }
  const drivers = Object.values(controller.drivers as Record<string, AnyDriver<W>>);
  for (const driver of drivers) {
    options.drivers.of(driver).onDrift((owners) => {
      for (const key of driftedKeys(informers, kind, owners)) queue.add(key, owners === undefined ? 'later' : 'soon');
    });
  }
}

function keysOf<W>(options: ControllerRunnerOptions<W>, watch: Watch, change: ObjectChange): ReadonlySet<string> {
  const { cache } = options.informers;
  if (watch.isNews?.(change.object, change.previous, change.type) === false) return new Set();
  const keys = watch.keysOf(change.object, cache);
  // What it pointed at before must notice, too, that it does no longer.
  const before = change.previous === undefined ? [] : watch.keysOf(change.previous, cache);
  return new Set([...keys, ...before].map(keyText));
}

function abandonOne(reconciler: Reconciler, queue: WorkQueue, key: string): void {
  reconciler.abandon(key);
  queue.add(key);
}

async function ownersOf<W>(
  { controller, drivers }: ControllerRunnerOptions<W>,
  kind: KindDefinition,
): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for (const driver of Object.values(controller.drivers as Record<string, AnyDriver<W>>)) {
    if (driver.owners === undefined) continue;
    const { snapshots } = drivers.of(driver);
    for (const key of ownKeys(driver.owners(snapshots.peek() ?? (await snapshots.get())), kind)) keys.add(key);
  }
  return keys;
}

function objectsOf(informers: InformerSet, kind: KindDefinition): readonly KubeObject[] {
  return informers.cache.list(kind);
}

/** Owners are written as `ownerId` does: `Domain/acme/shop`. */
function driftedKeys(
  informers: InformerSet,
  kind: KindDefinition,
  owners: readonly string[] | undefined,
): Iterable<string> {
  if (owners === undefined) return objectsOf(informers, kind).map(storeKeyOf);
  return ownKeys(owners, kind);
}

function ownKeys(owners: Iterable<string>, kind: KindDefinition): readonly string[] {
  const prefix = `${kind.kind}/`;
  return [...owners]
    .filter((owner) => owner.startsWith(prefix))
    .map((owner) => keyText(parseKeyText(owner.slice(prefix.length))));
}

interface Work {
  readonly queue: WorkQueue;
  readonly reconciler: Reconciler;
  readonly metrics: ControllerMetrics;
  readonly echoes: EchoFilter;
}

async function work<W>(parts: Work, options: ControllerRunnerOptions<W>, signal: AbortSignal): Promise<void> {
  const { queue, reconciler, metrics, echoes } = parts;
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    const startedMs = performance.now();
    metrics.active(1);
    echoes.begin(key);
    try {
      const result = await reconciler.reconcile(key, signal);
      metrics.reconciled(result, (performance.now() - startedMs) / 1_000);
    } catch (err) {
      if (err instanceof LostLeadershipError) throw err;
      if (signal.aborted) return;
      // The reconciler turns every failure into a verdict; whatever comes here is a bug, and must not stop the worker.
      options.log.error({ err, controller: options.controller.name, key }, 'round broke');
      queue.retry(key);
    } finally {
      metrics.active(-1);
      echoes.end(key);
      queue.done(key);
    }
    await breathe();
  }
}
