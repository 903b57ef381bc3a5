import type { Clock } from '#runtime/base/clock.ts';
import { rfc3339 } from '#runtime/base/clock.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase word. */
  readonly reason: string;
  /** For people; holds no secret. Cut to 1 KiB, as the API demands. */
  readonly message: string;
}

/**
 * Tells people what happened to an object, as core/v1 Events (what `kubectl describe` shows). Never blocks and never fails: what cannot be written in time is dropped.
 * The same text about the same object is one Event with a count. Writes are limited to 10 a second with bursts of 50, those of what went well to one a second
 * after 25, and per object to one in 5 min after 25: where much is done at once, its status tells, and events never cost more than the work they tell of.
 */
export interface EventRecorder {
  record(object: KubeObject, event: EventText): void;
  /** Resolves when what was recorded until now is written or dropped. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: Client;
  /** `domain.host`; shown as the source. */
  readonly component: string;
  /** Which host or replica. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const eventType: ResourceType = { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true };
const rememberedEvents = 4_096;
const longestQueue = 512;
const longestMessage = 1_024;
const allEvents = { burst: 50, perSecond: 10 };
const goodNews = { burst: 25, perSecond: 1 };
const eventsOfOneObject = { burst: 25, perSecond: 1 / 300 };

interface Known {
  readonly name: string;
  readonly namespace: string;
  readonly firstTimestamp: string;
  count: number;
  written: boolean;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A recorder that writes until the signal aborts. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { clock, log, signal } = options;
  const known = new Map<string, Known>();
  const perObject = new Map<string, Bucket>();
  const overall: Bucket = { tokens: allEvents.burst, atMs: clock.now() };
  const good: Bucket = { tokens: goodNews.burst, atMs: clock.now() };
  const queue: (() => Promise<void>)[] = [];
  let running: Promise<void> = Promise.resolve();
  let isRunning = false;
  const run = async (): Promise<void> => {
    for (let write = queue.shift(); write !== undefined && !signal.aborted; write = queue.shift()) {
      await write().catch((err: unknown) => {
        if (!signal.aborted) log.debug({ err }, 'event was not written');
      });
    }
    isRunning = false;
  };
  const mayWrite = (uid: string, { type }: EventText): boolean => {
    const now = clock.now();
    if (type === 'Normal' && !take(good, goodNews, now)) return false;
    const bucket = remember(perObject, uid, () => ({ tokens: eventsOfOneObject.burst, atMs: now }));
    return take(bucket, eventsOfOneObject, now) && take(overall, allEvents, now);
  };
  return {
    record: (object, event) => {
      const uid = object.metadata.uid ?? object.metadata.name;
      if (signal.aborted || queue.length >= longestQueue || !mayWrite(uid, event)) return;
      const message = event.message.slice(0, longestMessage);
      const key = [uid, event.type, event.reason, message].join('\n');
      const entry = remember(known, key, () => newEntry(object, clock.now()));
      entry.count += 1;
      queue.push(() => writeEvent(options, object, { event: { ...event, message }, entry }));
      if (isRunning) return;
      isRunning = true;
      running = run();
    },
    flush: () => running,
  };
}

function newEntry(object: KubeObject, nowMs: number): Known {
  // Unique without chance: the time to the microsecond, as the official recorders name theirs.
  const stamp = (nowMs * 1_000 + Math.floor(Math.random() * 1_000)).toString(16);
  return {
    name: `${object.metadata.name.slice(0, 230)}.${stamp}`,
    namespace: object.metadata.namespace ?? 'default',
    firstTimestamp: rfc3339(nowMs),
    count: 0,
    written: false,
  };
}

async function writeEvent(
  options: EventRecorderOptions,
  object: KubeObject,
  told: { readonly event: EventText; readonly entry: Known },
): Promise<void> {
  const { client, clock, signal } = options;
  const { entry } = told;
  const { name, namespace } = entry;
  const lastTimestamp = rfc3339(clock.now());
  if (entry.written) {
    const body = { count: entry.count, lastTimestamp };
    try {
      await client.patch(eventType, { namespace, name }, { type: 'merge', body }, { signal });
      return;
    } catch (err) {
      // Events expire; then it starts anew.
      if (!isStatus(err, 404)) throw err;
    }
  }
  await client.create(eventType, eventObject(options, object, { ...told, lastTimestamp }), { signal });
  entry.written = true;
}

function eventObject(
  options: EventRecorderOptions,
  object: KubeObject,
  told: { readonly event: EventText; readonly entry: Known; readonly lastTimestamp: string },
): KubeObject {
  const { event, entry, lastTimestamp } = told;
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: entry.name, namespace: entry.namespace },
    involvedObject: {
      apiVersion: object.apiVersion,
      kind: object.kind,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    type: event.type,
    reason: event.reason,
    message: event.message,
    firstTimestamp: entry.firstTimestamp,
    lastTimestamp,
    count: entry.count,
    source: { component: options.component, host: options.instance },
    reportingComponent: options.component,
    reportingInstance: options.instance,
  };
}

/** What stands under the key, made when absent; the oldest of too many is forgotten. */
function remember<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  if (map.size > rememberedEvents) {
    const [oldest] = map.keys();
    if (oldest !== undefined) map.delete(oldest);
  }
  return made;
}

function take(bucket: Bucket, rate: { readonly burst: number; readonly perSecond: number }, nowMs: number): boolean {
  bucket.tokens = Math.min(rate.burst, bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * rate.perSecond);
  bucket.atMs = nowMs;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}
