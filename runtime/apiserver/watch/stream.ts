import { statusOf } from '#runtime/apiserver/http/api-errors.ts';
import type { RawResponse } from '#runtime/apiserver/http/exchange.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { viewOf } from '#runtime/apiserver/registry/view.ts';
import type { CacheBatch, CacheEvent, CachedObject } from '#runtime/storage/cache.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { changeLine, eventLineOf, type EventType, type Rendering } from './event-lines.ts';
import { createEventWriter, type EventWriter } from './event-writer.ts';
import type { Sink, WatchHub } from './hub.ts';

/** Everything that one watch was asked for. */
export interface WatchPlan {
  readonly resource: Resource;
  /** Changes after this revision are told. */
  readonly after: number;
  /** Lines of the state at `after`, made as they are written. */
  readonly initial: Iterable<Buffer>;
  readonly selects: (cached: CachedObject) => boolean;
  readonly rendering: Rendering | undefined;
  /** Makes a bookmark; undefined when none are wanted. */
  readonly bookmark: ((revision: number, initialEnd: boolean) => Buffer) | undefined;
  /** Say with a bookmark where the initial state ends. */
  readonly announceStart: boolean;
  readonly timeoutMs: number;
  /** False once the resource has changed: the stream ends, and clients come back to the new one. */
  readonly isCurrent: () => boolean;
}

interface StreamContext {
  readonly hub: WatchHub;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Between two bookmarks of a watch on which nothing happens. */
const bookmarkEveryMs = 60_000;
/** How long before the end the last bookmark is sent, so that the client resumes from there. */
const lastBookmarkMs = 2_000;
const chunkBytes = 64 * 1024;

/**
 * Writes one watch until its time is over, the client leaves, the server stops or history is lost. The response's head is already sent.
 * Never rejects: what goes wrong is an ERROR event.
 */
export async function streamEvents(context: StreamContext, plan: WatchPlan, response: RawResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const writer = createEventWriter(response, () =>
    context.log.info({ resource: plan.resource.info.resource }, 'slow watcher dropped'),
  );
  const sink = createSink(plan, writer, resolve);
  response.on('close', resolve);
  const stop = (): void => resolve();
  context.signal.addEventListener('abort', stop, { once: true });
  const leave = joinHub(context.hub, plan, sink);
  const timers = startTimers(plan, writer, sink, resolve);
  try {
    const begun = await writeInitial(plan, writer, response);
    if (plan.announceStart && plan.bookmark !== undefined) writer.add(plan.bookmark(plan.after, true));
    sink.open(begun);
    await promise;
  } finally {
    leave();
    for (const timer of timers) clearTimeout(timer);
    context.signal.removeEventListener('abort', stop);
    writer.end();
  }
}

/** Joins, or tells the watcher at once that its start is too old. */
function joinHub(hub: WatchHub, plan: WatchPlan, sink: Sink): () => void {
  try {
    return hub.join(plan.resource.info.collection, plan.after, sink);
  } catch (err) {
    sink.fail(err);
    return () => undefined;
  }
}

/** Whether there was any line. */
async function writeInitial(plan: WatchPlan, writer: EventWriter, response: RawResponse): Promise<boolean> {
  let bytes = 0;
  let begun = false;
  for (const line of plan.initial) {
    begun = true;
    writer.add(line);
    bytes += line.length;
    if (bytes < chunkBytes) continue;
    bytes = 0;
    writer.flush();
    await writer.settled();
    if (response.destroyed) break;
  }
  writer.flush();
  return begun;
}

function startTimers(plan: WatchPlan, writer: EventWriter, sink: PlanSink, end: () => void): readonly NodeJS.Timeout[] {
  const timers = [setTimeout(end, plan.timeoutMs)];
  const { bookmark } = plan;
  if (bookmark === undefined) return timers;
  const send = (): void => {
    if (!sink.isOpen()) return;
    writer.add(bookmark(sink.revision(), false));
    writer.flush();
  };
  timers.push(setInterval(send, bookmarkEveryMs));
  if (plan.timeoutMs > 2 * lastBookmarkMs) timers.push(setTimeout(send, plan.timeoutMs - lastBookmarkMs));
  return timers;
}

interface PlanSink extends Sink {
  /** Lets events through: those that came meanwhile, then all later ones. `begun`: something was written before. */
  open(begun: boolean): void;
  isOpen(): boolean;
  /** Everything up to here was told. */
  revision(): number;
}

function createSink(plan: WatchPlan, writer: EventWriter, end: () => void): PlanSink {
  let waiting: CacheBatch[] | undefined = [];
  let told = plan.after;
  let first = true;
  const tell = (batch: CacheBatch): void => {
    for (const event of batch.events) {
      const type = typeFor(plan, event);
      if (type === undefined) continue;
      writer.add(lineFor(plan, event, type, first));
      first = false;
    }
    told = Math.max(told, batch.revision);
  };
  return {
    receive: (batch) => {
      if (waiting !== undefined) {
        waiting.push(batch);
        return;
      }
      if (!plan.isCurrent()) {
        end();
        return;
      }
      tell(batch);
      writer.flush();
    },
    fail: (error) => {
      if (error !== undefined) writer.add(eventLineOf('ERROR', statusOf(error)));
      end();
    },
    open: (begun) => {
      first = !begun;
      for (const batch of waiting ?? []) tell(batch);
      waiting = undefined;
      writer.flush();
    },
    isOpen: () => waiting === undefined,
    revision: () => told,
  };
}

function lineFor(plan: WatchPlan, event: CacheEvent, type: EventType, first: boolean): Buffer {
  const { resource, rendering } = plan;
  if (!first || rendering?.renderFirst === undefined) return changeLine(resource, event, type, rendering);
  return eventLineOf(type, rendering.renderFirst(viewOf(resource, event.current).object));
}

/** What a change is to this watcher: an object that leaves its selection is deleted for it, one that enters is added. */
function typeFor(plan: WatchPlan, event: CacheEvent): EventType | undefined {
  const { type, current, previous } = event;
  const was = previous !== undefined && plan.selects(previous);
  switch (type) {
    case 'added':
      return plan.selects(current) ? 'ADDED' : undefined;
    case 'deleted':
      return was ? 'DELETED' : undefined;
    case 'modified':
      return movement(was, plan.selects(current));
  }
}

function movement(was: boolean, is: boolean): EventType | undefined {
  if (is) return was ? 'MODIFIED' : 'ADDED';
  return was ? 'DELETED' : undefined;
}
