import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import { orderActions, type OrderedActions } from '#runtime/plan/order.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { filterByPolicy } from '#runtime/plan/policies.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { KindDefinition, ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { carryOut } from './carry-out.ts';
import type { AnyDriver, DriftPolicy, Outcome, ProbeResult } from './controller.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { ControllerMetrics } from './metrics.ts';
import { refusalOf } from './outcomes.ts';
import {
  isTakenDown,
  isSameDesired,
  planObject,
  type PlannedActions,
  type PlannedObject,
  type PlanningOptions,
  type States,
} from './plan-object.ts';
import type { Hold, RemovalGuard } from './removal-guard.ts';

/** Look, but change nothing. */
const pausedAnnotation = ANNOTATIONS.paused;

/** What the loop keeps of an object from round to round; all of it can be lost. */
export interface Memory {
  /** The wanted state that a driver refused; it is not tried again before it changes. */
  refused?: { readonly desired: States; readonly outcome: Extract<Outcome, { phase: 'refused' }> } | undefined;
  /** The wanted state that stood last, for objects whose drift is only told. */
  stood?: States | undefined;
  /** What the last look from outside found, as long as nothing was changed since, and what it was looked at for. */
  probed?: { readonly probes: readonly ProbeResult[]; readonly inputs: unknown } | undefined;
  /** The last request to look again. */
  request?: string | undefined;
  /** What was withheld when that was last told. */
  told?: string | undefined;
}

/** How a round ended, and when the object is looked at again. */
export interface Conclusion {
  readonly outcome: Outcome;
  readonly inputs?: unknown;
  readonly observed?: States | undefined;
  readonly probes: readonly ProbeResult[];
  /** The object is being deleted, or leaves, and nothing of ours is left. */
  readonly isClean: boolean;
  /** Not there yet, and no event may tell: again after the key's back-off. */
  readonly comesBack?: boolean;
  readonly afterMs?: number | undefined;
  /** The cache does not show yet what was done: there is nothing true to tell. */
  readonly isUntold?: boolean;
}

export interface ActingOptions<W> {
  readonly planning: PlanningOptions<W>;
  readonly world: W;
  readonly events: EventRecorder;
  readonly metrics: ControllerMetrics;
  readonly log: Logger;
  readonly fence: () => void;
  /** Absent: whatever is no longer wanted may be taken down. */
  readonly removals?: RemovalGuard | undefined;
}

interface Round {
  readonly memory: Memory;
  readonly signal: AbortSignal;
}

/** A round that takes longer is ended; its remaining actions come in the next one. */
const longestRoundMs = 300_000;
const probeTimeoutMs = 10_000;
const deletionLookMs = 5_000;
const heldLookMs = 60_000;
const subjectsInEvent = 5;

/** Plans, filters, carries out, and looks whether it stands. Rejects with what is to be tried again. */
export async function actOn<W>(options: ActingOptions<W>, object: KubeObject, round: Round): Promise<Conclusion> {
  const planned = await planObject(options.planning, object);
  if (planned.phase !== 'planned') return undecided(planned);
  const { ordered, hold } = permitted(options, object, planned);
  if (hold !== undefined && ordered.makes.length === 0) return held(planned, hold);
  const actions = [...ordered.makes, ...ordered.removes];
  if (actions.length === 0 && !(isTakenDown(options.planning, object) && isPaused(object))) {
    return await standing(options, object, { planned, ...round });
  }
  const { withheld } = filterByPolicy(actions, policyContext(options, object, { planned, memory: round.memory }));
  // Without an action left, what is paused was taken down already.
  if (withheld.length > 0 || actions.length === 0)
    return withhold(options, object, { planned, withheld, memory: round.memory });
  const refused = refusedBefore(planned, round.memory);
  return refused ?? (await change(options, object, { planned, ordered, ...round }));
}

/** What a driver refused is not tried again before it changes. */
function refusedBefore(planned: PlannedActions, { refused }: Memory): Conclusion | undefined {
  if (refused === undefined || !isSameDesired(refused.desired, planned.desired)) return undefined;
  return { ...concluded(planned, refused.outcome), observed: undefined };
}

/** The plan in its order, without removals while these are held. */
function permitted<W>(
  options: ActingOptions<W>,
  object: KubeObject,
  planned: PlannedActions,
): { readonly ordered: OrderedActions; readonly hold: Hold | undefined } {
  const ordered = orderActions(planned.plans, isTakenDown(options.planning, object));
  const hold = ordered.removes.length === 0 ? undefined : options.removals?.hold();
  return { ordered: hold === undefined ? ordered : { ...ordered, removes: [] }, hold };
}

function undecided(planned: Exclude<PlannedObject, PlannedActions>): Conclusion {
  const { phase, reason, message, retryAfterMs } = planned;
  return { outcome: { phase, reason, message }, probes: [], isClean: false, afterMs: retryAfterMs };
}

/** What is not wanted any more stays for now; it comes back when the hold is lifted. */
function held(planned: PlannedActions, hold: Hold): Conclusion {
  return { ...concluded(planned, { phase: 'pending', ...hold }), afterMs: heldLookMs };
}

function concluded(planned: PlannedActions, outcome: Outcome, probes: readonly ProbeResult[] = []): Conclusion {
  return { outcome, inputs: planned.inputs, observed: planned.observed, probes, isClean: false };
}

function policyContext<W>(
  options: ActingOptions<W>,
  object: KubeObject,
  known: { readonly planned: PlannedActions; readonly memory: Memory },
): Parameters<typeof filterByPolicy>[1] {
  const { stood } = known.memory;
  const deleting = isTakenDown(options.planning, object);
  const imposed = isImposed(options, object, known.planned);
  return {
    drift: imposed ? 'Enforce' : driftPolicyOf(options, object),
    paused: isPaused(object) && !imposed,
    deleting,
    drifted:
      stood === undefined ? hasDrifted(options, object, known.planned) : isSameDesired(stood, known.planned.desired),
  };
}

/** After a restart nothing is remembered: what drivers know of who changed it, and a generation that was acted on, are the next best witnesses. */
function hasDrifted<W>({ planning }: ActingOptions<W>, object: KubeObject, { observed }: PlannedActions): boolean {
  const told = planning.drivers.flatMap(([name, { driver }]) => driver.isAsLeft?.(observed[name]) ?? []);
  return isObserved(object) && (told.length === 0 || told.includes(false));
}

/** A paused object keeps its finalizer, even where nothing is left to take down. */
function isPaused(object: KubeObject): boolean {
  return object.metadata.annotations?.[pausedAnnotation] === 'true';
}

function driftPolicyOf<W>(options: ActingOptions<W>, object: KubeObject): DriftPolicy {
  return options.planning.controller.driftPolicy?.(object as ResourceOf<KindDefinition>) ?? 'Enforce';
}

function isImposed<W>(options: ActingOptions<W>, object: KubeObject, { inputs, observed }: PlannedActions): boolean {
  return (
    inputs !== undefined &&
    !isTakenDown(options.planning, object) &&
    options.planning.controller.isImposed?.(object as ResourceOf<KindDefinition>, inputs, observed) === true
  );
}

function isObserved(object: KubeObject): boolean {
  const status = object['status'];
  return isRecord(status) && status['observedGeneration'] === object.metadata.generation;
}

function withhold<W>(
  options: ActingOptions<W>,
  object: KubeObject,
  found: { readonly planned: PlannedActions; readonly withheld: readonly Action[]; readonly memory: Memory },
): Conclusion {
  const text = summaryOf(found.withheld);
  if (found.withheld.length > 0 && found.memory.told !== text) {
    found.memory.told = text;
    options.events.record(object, { type: 'Warning', reason: 'Drifted', message: `Not changed: ${text}` });
  }
  return concluded(found.planned, { phase: 'drifted', withheld: found.withheld }, found.memory.probed?.probes);
}

async function change<W>(
  options: ActingOptions<W>,
  object: KubeObject,
  round: Round & { readonly planned: PlannedActions; readonly ordered: OrderedActions },
): Promise<Conclusion> {
  const { planned, ordered, memory } = round;
  const signal = AbortSignal.any([round.signal, AbortSignal.timeout(longestRoundMs)]);
  const drivers = new Map(options.planning.drivers.map(([, runtime]) => [runtime.driver.name, runtime]));
  const { name, namespace } = object.metadata;
  const log = options.log.child({ kind: object.kind, namespace, name });
  memory.probed = undefined;
  memory.told = undefined;
  try {
    await carryOut({ ...options, drivers, log, signal, isImposed: isImposed(options, object, planned) }, ordered);
  } catch (err) {
    const outcome = refusalOf(err);
    if (outcome === undefined) throw err;
    memory.refused = { desired: planned.desired, outcome };
    options.metrics.refused();
    options.events.record(object, { type: 'Warning', reason: outcome.reason, message: outcome.message });
    return { ...concluded(planned, outcome), observed: undefined };
  }
  const told = [...ordered.makes, ...ordered.removes].filter((action) =>
    isTold(action, drivers.get(action.driver)?.driver),
  );
  if (told.length > 0) options.events.record(object, { type: 'Normal', reason: 'Applied', message: summaryOf(told) });
  const after = await planObject(options.planning, object);
  if (after.phase !== 'planned') return undecided(after);
  if (after.plans.every(({ actions }) => actions.length === 0)) {
    return await standing(options, object, { planned: after, memory, signal });
  }
  const outcome = { phase: 'pending', reason: 'InProgress', message: 'Changes are being carried out.' } as const;
  return { ...concluded(after, outcome), comesBack: true, isUntold: true };
}

function isTold<W>({ op }: Action, driver: AnyDriver<W> | undefined): boolean {
  return driver?.writesApi !== true && driver?.looks?.includes(op) !== true;
}

/** Nothing is left to do: wait for what ends by itself, or look from outside. */
async function standing<W>(
  options: ActingOptions<W>,
  object: KubeObject,
  round: Round & { readonly planned: PlannedActions },
): Promise<Conclusion> {
  const { planned, memory } = round;
  memory.refused = undefined;
  memory.told = undefined;
  if (planned.waitsFor !== undefined) {
    const reason = isTakenDown(options.planning, object) ? 'WaitingForDeletion' : 'Waiting';
    const outcome = { phase: 'pending', reason, message: planned.waitsFor } as const;
    return { ...concluded(planned, outcome), afterMs: deletionLookMs };
  }
  if (isTakenDown(options.planning, object)) return { ...concluded(planned, { phase: 'synced' }), isClean: true };
  if (driftPolicyOf(options, object) === 'Warn') memory.stood = planned.desired;
  const { inputs } = planned;
  const known = isEqual(memory.probed?.inputs, inputs) ? memory.probed?.probes : undefined;
  const probes = known ?? (await probe(options, object, round));
  const isUp = probes.every(({ ok }) => ok);
  memory.probed = isUp ? { probes, inputs } : undefined;
  return { ...concluded(planned, { phase: 'synced' }, probes), comesBack: !isUp };
}

async function probe<W>(
  options: ActingOptions<W>,
  object: KubeObject,
  round: Round & { readonly planned: PlannedActions },
): Promise<readonly ProbeResult[]> {
  const { controller } = options.planning;
  if (controller.probe === undefined) return [];
  const signal = AbortSignal.any([round.signal, AbortSignal.timeout(probeTimeoutMs)]);
  try {
    return await controller.probe(object as ResourceOf<KindDefinition>, round.planned.inputs, options.world, signal);
  } catch (err) {
    round.signal.throwIfAborted();
    options.log.warn({ err, kind: object.kind, name: object.metadata.name }, 'probe failed');
    return [{ ok: false, reason: 'ProbeFailed', message: 'Whether it works could not be found out.' }];
  }
}

/** `drop-login mariadb/…, keep-database …`: the first of them. */
export function summaryOf(actions: readonly Action[]): string {
  const told = actions.slice(0, subjectsInEvent).map(({ op, subject }) => `${op} ${subject}`);
  const more = actions.length - told.length;
  return `${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
}
