import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { LostLeadershipError, PostponedError } from '#runtime/base/errors.ts';
import type { WorkQueue } from '#runtime/base/work-queue.ts';
import type { Client } from '#runtime/client/client.ts';
import { parseKeyText, resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { apiVersionOf, type KindDefinition, type ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { actOn, summaryOf, type ActingOptions, type Conclusion, type Memory } from './act.ts';
import type { Cache } from './cache.ts';
import type { AnyController, StatusPatch } from './controller.ts';
import type { DriverRuntimes } from './driver-runtime.ts';
import type { EventRecorder } from './event-recorder.ts';
import { createHolding, type Holding } from './holding.ts';
import type { ControllerMetrics, ReconcileResult } from './metrics.ts';
import { failureOf } from './outcomes.ts';
import { isDeleting, planObject, type PlannedObject, type PlanningOptions } from './plan-object.ts';
import { answeredRequest, requestedAtAnnotation, statusBody } from './status-body.ts';
import type { RemovalGuard } from './removal-guard.ts';
import { createStatusWriter, type StatusWriter } from './status-writer.ts';
import { takeDown } from './take-down.ts';

/**
 * The one loop, for all kinds. One call is one round: it looks at what is true now and brings the world nearer to what is wanted.
 *
 * Flow: object from the cache (absent → forget) → ours? → finalizer there? → plan → policy → apply, settle → probe → status → deleting and clean: drop the finalizer.
 * Guarantees: nothing is made before the finalizer is there; nothing is taken away for want of evidence, only because the object says so or has a deletion timestamp;
 * the finalizer goes when nothing is left; a round for an object that is as it should be reads memory only and writes nothing.
 * Assumes: never called twice at once for one key; called only after all caches have synced.
 * Errors: LostLeadershipError and the signal's reason; all others become the object's status and a retry.
 */
export interface Reconciler {
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult>;
  /** The resourceVersion that our last status write gave an object. */
  writtenRevision(key: string): string | undefined;
  /** The plan for an object that need not be stored: read-only. */
  plan(object: KubeObject): Promise<PlannedObject>;
  /** The next round takes down what is here for this key, unless its object is there then. */
  abandon(key: string): void;
}

export interface ReconcilerOptions<W> {
  readonly controller: AnyController<W>;
  readonly client: Client;
  readonly cache: Cache;
  readonly world: W;
  readonly drivers: DriverRuntimes<W>;
  readonly queue: Pick<WorkQueue, 'retry' | 'attempts' | 'forget' | 'addAfter'>;
  readonly events: EventRecorder;
  readonly metrics: ControllerMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Throws LostLeadershipError when somebody else leads. */
  readonly fence: () => void;
  readonly removals?: RemovalGuard | undefined;
}

/** `wcp360-domain.host`: the field manager of a controller. */
export function fieldManagerOf(controllerName: string): string {
  return `wcp360-${controllerName}`;
}

interface Loop<W> extends ReconcilerOptions<W> {
  readonly acting: ActingOptions<W>;
  readonly statuses: StatusWriter;
  readonly holding: Holding;
  readonly memories: Map<string, Memory>;
  readonly abandoned: Set<string>;
}

/** A loop for one controller, remembering nothing yet. */
export function createReconciler<W>(options: ReconcilerOptions<W>): Reconciler {
  const { controller, client } = options;
  const kind: KindDefinition = controller.kind as KindDefinition;
  const type = resourceTypeOf(kind);
  const fieldManager = fieldManagerOf(controller.name);
  const drivers = Object.entries(controller.drivers as Record<string, Parameters<typeof options.drivers.of>[0]>).map(
    ([name, driver]) => [name, options.drivers.of(driver)] as const,
  );
  const planning: PlanningOptions<W> = { controller, cache: options.cache, drivers };
  const loop: Loop<W> = {
    ...options,
    acting: { ...options, planning },
    statuses: createStatusWriter({ client, type, fieldManager }),
    holding: createHolding({ ...options, type, fieldManager }),
    memories: new Map(),
    abandoned: new Set(),
  };
  return {
    abandon: (key) => void loop.abandoned.add(key),
    writtenRevision: loop.statuses.revisionOf,
    plan: async (object) => await planObject(planning, object),
    reconcile: async (key, signal) => {
      const object = options.cache.get(kind, parseKeyText(key));
      if (object === undefined && loop.abandoned.has(key)) return await abandon(loop, key, signal);
      loop.abandoned.delete(key);
      if (object === undefined || controller.concerns?.(object) === false) return forget(loop, key);
      try {
        return await round(loop, { key, object }, signal);
      } catch (err) {
        if (signal.aborted || err instanceof LostLeadershipError) throw err;
        const waitMs = options.queue.retry(key);
        options.log.warn({ err, ...namesOf(object), waitMs }, 'round failed');
        return 'error';
      }
    },
  };
}

function forget<W>(loop: Loop<W>, key: string): ReconcileResult {
  loop.memories.delete(key);
  loop.statuses.forget(key);
  loop.queue.forget(key);
  return 'success';
}

/** Stops serving for an object that is gone: what the drivers call theirs to end (never data). By now it may be back, and another host's. */
async function abandon<W>(loop: Loop<W>, key: string, signal: AbortSignal): Promise<ReconcileResult> {
  const { kind } = loop.controller.kind as KindDefinition;
  try {
    if (!(await isStored(loop, key, signal))) {
      const done = await takeDown({ ...loop.acting, log: loop.log, signal }, kind, key);
      if (done.length > 0) tellOfOrphan(loop, key, done);
    }
    loop.abandoned.delete(key);
    return forget(loop, key);
  } catch (err) {
    if (signal.aborted || err instanceof LostLeadershipError) throw err;
    loop.log.warn({ err, kind, key }, 'an orphan could not be taken down');
    loop.queue.retry(key);
    return 'error';
  }
}

/** Whether the store has the object at this moment, wherever it is. */
async function isStored<W>({ controller, client }: Loop<W>, key: string, signal: AbortSignal): Promise<boolean> {
  const { namespace, name } = parseKeyText(key);
  const found = await client.list(resourceTypeOf(controller.kind as KindDefinition), {
    namespace,
    fieldSelector: `metadata.name=${name}`,
    as: 'PartialObjectMetadata',
    signal,
  });
  return found.items.length > 0;
}

function tellOfOrphan<W>({ controller, events }: Loop<W>, key: string, done: readonly Action[]): void {
  const { kind, ...type } = controller.kind as KindDefinition;
  const { namespace, name } = parseKeyText(key);
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const gone = { apiVersion: apiVersionOf({ kind, ...type }), kind, metadata };
  const message = `It went without having been taken down. What served for it was ended: ${summaryOf(done)}`;
  events.record(gone, { type: 'Warning', reason: 'Orphaned', message });
}

/** A cache shows what was done in a moment: what is not seen after so many rounds is told. */
const untoldRounds = 3;

interface Subject {
  readonly key: string;
  readonly object: KubeObject;
}

async function round<W>(loop: Loop<W>, subject: Subject, signal: AbortSignal): Promise<ReconcileResult> {
  const held = await loop.holding.hold(subject.object, signal);
  if (held === undefined) return forget(loop, subject.key);
  const memory = memoryOf(loop, subject.key);
  noticeRequest(loop, held, memory);
  const conclusion = await conclude(loop, { key: subject.key, object: held }, { memory, signal });
  // Of what is deleted nothing is left to be told; what stays elsewhere is told that we said nothing.
  const isUntold = conclusion.isUntold === true && loop.queue.attempts(subject.key) < untoldRounds;
  const isTold = !isUntold && !(conclusion.isClean && isDeleting(held));
  if (isTold) await writeStatus(loop, held, { conclusion, signal });
  if (conclusion.isClean) return await release(loop, { key: subject.key, object: held }, signal);
  return schedule(loop, { key: subject.key, object: held }, conclusion);
}

function memoryOf<W>(loop: Loop<W>, key: string): Memory {
  let memory = loop.memories.get(key);
  if (memory === undefined) loop.memories.set(key, (memory = {}));
  return memory;
}

/** Somebody asked to look again now: what is remembered is worth nothing. */
function noticeRequest<W>(loop: Loop<W>, object: KubeObject, memory: Memory): void {
  const request = object.metadata.annotations?.[requestedAtAnnotation];
  if (request === undefined || request === memory.request) return;
  memory.request = request;
  if (request === answeredRequest(object)) return;
  memory.refused = undefined;
  memory.probed = undefined;
  for (const [, runtime] of loop.acting.planning.drivers) runtime.snapshots.invalidate();
}

async function conclude<W>(
  loop: Loop<W>,
  subject: Subject,
  round: { readonly memory: Memory; readonly signal: AbortSignal },
): Promise<Conclusion> {
  try {
    return await actOn(loop.acting, subject.object, round);
  } catch (err) {
    if (round.signal.aborted || err instanceof LostLeadershipError) throw err;
    const waitMs = loop.queue.retry(subject.key, err instanceof PostponedError ? err.untilMs : undefined);
    const attempts = loop.queue.attempts(subject.key);
    const outcome = failureOf(err, { attempts, atMs: loop.clock.now() + waitMs });
    loop.log.warn({ err, ...namesOf(subject.object), attempts, waitMs }, 'round failed');
    loop.events.record(subject.object, { type: 'Warning', reason: outcome.reason, message: outcome.message });
    return { outcome, probes: [], isClean: false };
  }
}

async function release<W>(loop: Loop<W>, subject: Subject, signal: AbortSignal): Promise<ReconcileResult> {
  loop.fence();
  if (await loop.holding.release(subject.object, signal)) return forget(loop, subject.key);
  loop.queue.retry(subject.key);
  return 'requeue';
}

async function writeStatus<W>(
  loop: Loop<W>,
  object: KubeObject,
  told: { readonly conclusion: Conclusion; readonly signal: AbortSignal },
): Promise<void> {
  const { controller, clock } = loop;
  const { outcome, probes, inputs, observed } = told.conclusion;
  const now = rfc3339(clock.now());
  const resource = object as ResourceOf<KindDefinition>;
  const said = { inputs, observed, outcome, probes, now };
  const patch = controller.status(resource, said) as StatusPatch<KindDefinition> | undefined;
  if (patch === undefined) return;
  const fieldManager = fieldManagerOf(controller.name);
  const status = statusBody({ kind: controller.kind as KindDefinition, object, patch, outcome, fieldManager, now });
  if (await loop.statuses.write(object, status, told.signal)) loop.metrics.statusWritten();
}

function schedule<W>(loop: Loop<W>, subject: Subject, conclusion: Conclusion): ReconcileResult {
  const { queue, controller, clock } = loop;
  const { key, object } = subject;
  if (conclusion.outcome.phase === 'failed') return 'error';
  const now = clock.now();
  const dueMs = controller.due?.(object as ResourceOf<KindDefinition>, now);
  if (dueMs !== undefined) queue.addAfter(key, dueMs - now);
  if (conclusion.comesBack === true) {
    queue.retry(key);
    return 'requeue';
  }
  queue.forget(key);
  if (conclusion.afterMs === undefined) return 'success';
  queue.addAfter(key, conclusion.afterMs);
  return 'requeue_after';
}

function namesOf(object: KubeObject): Readonly<Record<string, string | undefined>> {
  return { kind: object.kind, namespace: object.metadata.namespace, name: object.metadata.name };
}
