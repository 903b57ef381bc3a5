import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { Wcp360Error } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { createWorkQueue } from '#runtime/base/work-queue.ts';
import type { Client } from '#runtime/client/client.ts';
import { keyOf, parseKeyText, resourceTypeOf } from '#runtime/client/resource-type.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import { orderActions } from '#runtime/plan/order.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { compileValidator } from '#runtime/validation/json-schema.ts';
import { plainSchemaOf } from '#runtime/validation/plain-schema.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import { LENGTHS } from '#schemas/meta/fragments.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Cache } from './cache.ts';
import type { InformerSet } from './informer-set.ts';
import { storeKeyOf } from './object-store.ts';
import { isDeleting, type PlannedObject } from './plan-object.ts';
import { statusOnly } from './status-writer.ts';

export interface PlanRequestOptions {
  /** The kind of `{ spec: { timeToLive, object }, status: { plans: [{ by, actions, reason, message }] } }`, namespaced. */
  readonly kind: KindDefinition;
  /** The leader answers every request, deletes those that are past their time, and says when all who are concerned have answered. */
  readonly leads: boolean;
  /** Kinds that we plan for; others are not answered by agents. */
  readonly kinds: readonly KindDefinition[];
  /** Namespace in which cluster-scoped objects may be asked about. */
  readonly systemNamespace: string;
  /** The object with its status as the leader would write it, for those who come after the leader: where it would be placed. From the cache. */
  readonly place?: (object: KubeObject, cache: Cache) => KubeObject;
  readonly client: Client;
  readonly informers: InformerSet;
  readonly planObject: (
    object: KubeObject,
  ) => Promise<readonly { readonly controller: string; readonly planned: PlannedObject }[]>;
  /** `host/web1`, `cluster`. */
  readonly by: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** What one of us would do, as it stands in the status. */
interface Answer {
  readonly by: string;
  readonly actions: readonly Action[];
  readonly reason?: string;
  readonly message?: string;
}

const defaultTimeToLiveMs = 300_000;
const longestPlan = 1_024;
const longestTimeToLiveMs = 3_600_000;

/**
 * Answers "what would you do if this object stood?" with the very plan that would be carried out, and changes nothing but the request's status.
 * An object is taken at its word for spec, labels and annotations only: identity, status and deletion are those of the stored object of that name, so that
 * nobody can ask in the name of another host or owner. Call it once all caches have synced. Objects of other namespaces are refused; cluster-scoped ones may be asked about in the system namespace.
 */
export function answerPlanRequests(options: PlanRequestOptions): void {
  const { kind, informers, clock, signal, log } = options;
  const queue = createWorkQueue({ clock });
  informers.subscribe(kind, ({ object }) => queue.add(storeKeyOf(object)));
  signal.addEventListener('abort', () => queue.close(), { once: true });
  const work = async (): Promise<void> => {
    for (const request of requestsOf(options)) queue.add(storeKeyOf(request));
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      try {
        const afterMs = await answerOne(options, key);
        queue.forget(key);
        if (afterMs !== undefined) queue.addAfter(key, afterMs);
      } catch (err) {
        if (signal.aborted) return;
        queue.retry(key);
        log.warn({ err, kind: kind.kind, key }, 'plan request was not answered');
      } finally {
        queue.done(key);
      }
    }
  };
  work().catch((err: unknown) => log.error({ err }, 'plan requests are not answered any more'));
}

function requestsOf(options: PlanRequestOptions): readonly KubeObject[] {
  return options.informers.cache.list(options.kind);
}

/** When to look again, in milliseconds. */
async function answerOne(options: PlanRequestOptions, key: string): Promise<number | undefined> {
  const { kind, informers, client, signal, leads } = options;
  const request: KubeObject | undefined = informers.cache.get(kind, parseKeyText(key));
  if (request === undefined || isDeleting(request)) return undefined;
  const leftMs = timeLeftMs(request, options.clock.now());
  if (leftMs > 0) await answerLiving(options, request);
  else if (leads) await client.delete(resourceTypeOf(kind), keyOf(request), { signal });
  return leftMs > 0 ? leftMs : undefined;
}

async function answerLiving(options: PlanRequestOptions, request: KubeObject): Promise<void> {
  const { by, leads } = options;
  const asked = await askedObject(options, request);
  const given = answersOf(request);
  const mine = given.get(by) ?? (await answerFor(options, asked));
  if (mine === undefined) return;
  const isComplete = leads && asked.hosts.every((host) => given.has(`host/${host}`));
  if (given.has(by) && isComplete === isMarkedComplete(request)) return;
  const conditions = isComplete ? { conditions: [complete(options, request)] } : {};
  await writeAnswer(options, request, { plans: [mine], ...conditions });
}

function timeLeftMs(request: KubeObject, nowMs: number): number {
  const spec = request['spec'];
  const text = isRecord(spec) && typeof spec['timeToLive'] === 'string' ? spec['timeToLive'] : '';
  const liveMs = Math.min(parseDurationMs(text) ?? defaultTimeToLiveMs, longestTimeToLiveMs);
  return Date.parse(request.metadata.creationTimestamp ?? '') + liveMs - nowMs;
}

/** The object to plan for, or why there will be no plan. */
interface Asked {
  readonly object: KubeObject | undefined;
  /** Hosts on which it runs, or would. */
  readonly hosts: readonly string[];
  readonly refusal?: { readonly reason: string; readonly message: string };
}

async function askedObject(options: PlanRequestOptions, request: KubeObject): Promise<Asked> {
  const spec = request['spec'];
  const object = isRecord(spec) ? spec['object'] : undefined;
  if (!isObject(object)) return refused('Invalid', 'spec.object is no object with apiVersion, kind and name.');
  const kind = options.kinds.find((known) => isKindOf(known, object));
  if (kind === undefined) return refused('UnknownKind', `Nothing is planned for ${object.apiVersion} ${object.kind}.`);
  const place = request.metadata.namespace;
  const namespace = namespaceOf(kind, object, place);
  if ((namespace ?? options.systemNamespace) !== place) {
    return refused('Forbidden', 'Objects of another namespace cannot be asked about here.');
  }
  const faults = faultsOf(kind, object);
  if (faults.length > 0) return refused('Invalid', `${unplannable.message} ${faults}`.slice(0, LENGTHS.message));
  const { cache } = options.informers;
  const live: KubeObject | undefined = cache.get(kind, { namespace, name: object.metadata.name });
  const hypothetical = asIfStored(object, namespace, live);
  const placed = await unlessMalformed(
    options,
    hypothetical,
    () => options.place?.(hypothetical, cache) ?? hypothetical,
  );
  if (placed === undefined) return refused(unplannable.reason, unplannable.message);
  // What the leader itself would do starts from what stands.
  return { object: options.leads ? hypothetical : placed, hosts: hostsOf(placed) };
}

/** What the API server would have refused in the spec: whatever plans takes it to be within the limits of its schema. Empty where all is well. */
function faultsOf({ spec }: KindDefinition, object: KubeObject): string {
  const faults = compileValidator(plainSchemaOf(spec))(object['spec'] ?? {});
  return faults.map(({ field, message }) => `spec${field === '' ? '' : `.${field}`}: ${message}`).join('; ');
}

function namespaceOf({ scope }: KindDefinition, object: KubeObject, place: string | undefined): string | undefined {
  return scope === 'Namespaced' ? (object.metadata.namespace ?? place) : undefined;
}

function isKindOf({ kind, group, version }: KindDefinition, object: KubeObject): boolean {
  return kind === object.kind && object.apiVersion === `${group}/${version}`;
}

/** The object as asked about, with the identity and the status of the stored one. */
function asIfStored(object: KubeObject, namespace: string | undefined, live: KubeObject | undefined): KubeObject {
  const { name, labels, annotations } = object.metadata;
  const { status: _claimed, ...rest } = object;
  const metadata = {
    ...(live?.metadata ?? { generation: 1 }),
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  return { ...rest, metadata, ...(live?.['status'] === undefined ? {} : { status: live['status'] }) };
}

function refused(reason: string, message: string): Asked {
  return { object: undefined, hosts: [], refusal: { reason, message } };
}

function isObject(value: unknown): value is KubeObject {
  return (
    isRecord(value) &&
    typeof value['apiVersion'] === 'string' &&
    typeof value['kind'] === 'string' &&
    isRecord(value['metadata']) &&
    typeof value['metadata']['name'] === 'string'
  );
}

/** `undefined` when it is nobody's business here. */
async function answerFor(options: PlanRequestOptions, asked: Asked): Promise<Answer | undefined> {
  const { by, leads } = options;
  if (asked.object === undefined)
    return leads && asked.refusal !== undefined ? { by, actions: [], ...asked.refusal } : undefined;
  const { object } = asked;
  const found = await unlessMalformed(options, object, () => options.planObject(object));
  if (found === undefined) return { by, actions: [], ...unplannable };
  if (found.length === 0) return leads ? { by, actions: [] } : undefined;
  const actions: Action[] = [];
  for (const { planned } of found) {
    if (planned.phase !== 'planned') return { by, actions, reason: planned.reason, message: planned.message };
    const { makes, removes } = orderActions(planned.plans, isDeleting(object));
    actions.push(...makes, ...removes);
  }
  return { by, actions: actions.slice(0, longestPlan) };
}

const unplannable = {
  reason: 'Invalid',
  message: 'The object is not as its kind wants it; ask with the result of a dry run.',
};

/** `undefined` when the object breaks a rule that its schema would have kept: whoever asked wrote it by hand. */
async function unlessMalformed<T>(
  { log }: PlanRequestOptions,
  object: KubeObject,
  work: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (err) {
    if (err instanceof Wcp360Error && err.retry === 'backoff') throw err;
    log.info({ err, kind: object.kind, name: object.metadata.name }, 'object can not be planned');
    return undefined;
  }
}

function answersOf(request: KubeObject): ReadonlyMap<string, Answer> {
  const status = request['status'];
  const plans = isRecord(status) && Array.isArray(status['plans']) ? status['plans'] : [];
  return new Map(plans.filter(isAnswer).map((answer) => [answer.by, answer]));
}

function isAnswer(value: unknown): value is Answer {
  return isRecord(value) && typeof value['by'] === 'string';
}

/** Whose agents have something to say: of the host that the object is on, and of one that it is on its way to. */
function hostsOf(object: KubeObject): readonly string[] {
  const status = object['status'];
  if (!isRecord(status)) return [];
  const { host, nextHost, moving } = status;
  return [host, moving === undefined ? undefined : nextHost]
    .filter((name) => typeof name === 'string' && name !== '')
    .map(String);
}

function isMarkedComplete(request: KubeObject): boolean {
  const status = request['status'];
  const conditions = isRecord(status) && Array.isArray(status['conditions']) ? status['conditions'] : [];
  return conditions.some(
    (condition) => isRecord(condition) && condition['type'] === 'Complete' && condition['status'] === 'True',
  );
}

function complete(options: PlanRequestOptions, request: KubeObject): Readonly<Record<string, unknown>> {
  return {
    type: 'Complete',
    status: 'True',
    reason: 'Answered',
    message: 'Everybody concerned has answered.',
    lastTransitionTime: rfc3339(options.clock.now()),
    observedGeneration: request.metadata.generation,
  };
}

async function writeAnswer(
  options: PlanRequestOptions,
  request: KubeObject,
  status: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { client, kind, by, signal } = options;
  const body = statusOnly(request, status);
  const fieldManager = `wcp360-plan-${by.replaceAll('/', '-')}`;
  try {
    await client.apply(resourceTypeOf(kind), body, { fieldManager, force: true, subresource: 'status', signal });
  } catch (err) {
    // Whoever asked has deleted it meanwhile.
    if (!isStatus(err, 404) && !isStatus(err, 409)) throw err;
  }
}
