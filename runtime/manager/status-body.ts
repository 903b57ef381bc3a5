import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import type { Outcome, StatusPatch } from './controller.ts';
import { halfHeldConditions } from './half-held.ts';

/** What a controller said about an object, and what the loop knows. */
export interface StatusSource {
  readonly kind: KindDefinition;
  readonly object: KubeObject;
  readonly patch: StatusPatch<KindDefinition>;
  readonly outcome: Outcome;
  /** Who writes. */
  readonly fieldManager: string;
  /** RFC 3339. */
  readonly now: string;
}

type NewCondition = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;

/** Asked for by people and GitOps tools: reconcile now. Answered in `status.lastHandledRequestAt`. */
export const requestedAtAnnotation = ANNOTATIONS.requestedAt;

/**
 * The status to apply: the controller's fields and conditions, completed. `lastTransitionTime` moves only with a condition's status.
 * Who writes `Ready` speaks for the whole object, and so also writes `observedGeneration`, the answer to a request, and the
 * kstatus conditions `Reconciling` and `Stalled`, which are there only while true (abnormal-true).
 * A condition that is handed over to another writer is repeated until that one has said something. Fields that the kind's schema does not declare are
 * left out. Pure.
 */
export function statusBody(source: StatusSource): Readonly<Record<string, unknown>> {
  const { object, patch, now } = source;
  const speaksForAll = patch.conditions.some(({ type }) => type === 'Ready');
  const live = liveConditions(object);
  const { generation } = object.metadata;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const conditions = [...patch.conditions, ...(speaksForAll ? progressConditions(source) : [])];
  const complete = (condition: NewCondition): Condition => {
    const before = live.get(condition.type);
    const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : now;
    return { ...condition, lastTransitionTime, ...observed };
  };
  const all = [...conditions.map(complete), ...handedOver(source, live, conditions)];
  return {
    ...patch.fields,
    ...(speaksForAll ? wholeObjectFields(source) : {}),
    ...(all.length === 0 ? {} : { conditions: all }),
  };
}

function handedOver(
  { object, fieldManager }: StatusSource,
  live: ReadonlyMap<string, Condition>,
  said: readonly NewCondition[],
): readonly Condition[] {
  const types = halfHeldConditions(object, fieldManager).difference(new Set(said.map(({ type }) => type)));
  return [...types].map((type) => live.get(type)).filter((condition) => condition !== undefined);
}

function wholeObjectFields({ kind, object }: StatusSource): Readonly<Record<string, unknown>> {
  const declared = kind.status.properties ?? {};
  const { generation, annotations } = object.metadata;
  const request = annotations?.[requestedAtAnnotation];
  return {
    ...('observedGeneration' in declared && generation !== undefined ? { observedGeneration: generation } : {}),
    ...('lastHandledRequestAt' in declared && request !== undefined ? { lastHandledRequestAt: request } : {}),
  };
}

function progressConditions(source: StatusSource): readonly NewCondition[] {
  const { outcome, patch } = source;
  const taken = new Set(patch.conditions.map(({ type }) => type));
  const condition = progressOf(outcome, patch.conditions);
  return condition === undefined || taken.has(condition.type) ? [] : [condition];
}

function progressOf(outcome: Outcome, conditions: readonly NewCondition[]): NewCondition | undefined {
  switch (outcome.phase) {
    case 'pending':
      return { type: 'Reconciling', status: 'True', reason: outcome.reason, message: outcome.message };
    case 'failed': {
      const message = `Attempt ${outcome.attempts} failed; the next one is at ${outcome.nextTryAt}. ${outcome.message}`;
      return { type: 'Reconciling', status: 'True', reason: outcome.reason, message };
    }
    case 'refused':
      return { type: 'Stalled', status: 'True', reason: outcome.reason, message: outcome.message };
    case 'drifted':
      return undefined;
    case 'synced': {
      const ready = conditions.find(({ type }) => type === 'Ready');
      if (ready === undefined || ready.status === 'True') return undefined;
      return { type: 'Reconciling', status: 'True', reason: ready.reason, message: ready.message };
    }
  }
}

function liveConditions(object: KubeObject): ReadonlyMap<string, Condition> {
  const status = object['status'];
  const conditions = isRecord(status) && Array.isArray(status['conditions']) ? status['conditions'] : [];
  return new Map(conditions.filter(isCondition).map((condition) => [condition.type, condition]));
}

function isCondition(value: unknown): value is Condition {
  return isRecord(value) && typeof value['type'] === 'string' && typeof value['lastTransitionTime'] === 'string';
}

/** The request that was answered last, as the status shows it. */
export function answeredRequest(object: KubeObject): string | undefined {
  const status = object['status'];
  const answered = isRecord(status) ? status['lastHandledRequestAt'] : undefined;
  return typeof answered === 'string' ? answered : undefined;
}
