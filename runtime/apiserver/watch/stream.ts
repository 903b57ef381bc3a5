import { statusOf } from '#runtime/apiserver/http/api-errors.ts';
import type { RawResponse } from '#runtime/apiserver/http/exchange.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { viewOf } from '#runtime/apiserver/registry/view.ts';
import type { CacheEvent, CachedObject } from '#runtime/storage/cache.ts';
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
/** How long a client may take to read so much of the initial state, all of which is kept in memory meanwhile. */
const chunkPatienceMs = 60_000;

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
    await writeInitial({ plan, writer, sink }, response);
    if (plan.announceStart && plan.bookmark !== undefined) writer.add(plan.bookmark(plan.after, true));
    sink.open();
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

interface Opening {
  readonly plan: WatchPlan;
  readonly writer: EventWriter;
  readonly sink: PlanSink;
}

async function writeInitial({ plan, writer, sink }: Opening, response: RawResponse): Promise<void> {
  let bytes = 0;
  for (const line of plan.initial) {
    sink.begin();
    writer.add(line);
    bytes += line.length;
    if (bytes < chunkBytes) continue;
    bytes = 0;
    writer.flush();
    const timer = setTimeout(writer.drop, chunkPatienceMs);
    await writer.settled();
    clearTimeout(timer);
    if (response.destroyed) break;
  }
  writer.flush();
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
  /** Something was written already. */
  begin(): void;
  /** Lets events through: those that came meanwhile, then all later ones. */
  open(): void;
  isOpen(): boolean;
  /** Everything up to here was told. */
  revision(): number;
}

/** What comes before the initial state is written is held as lines: of the events that the watcher sees, and of nothing else. */
function createSink(plan: WatchPlan, writer: EventWriter, end: () => void): PlanSink {
  let isOpen = false;
  let told = plan.after;
  let first = true;
  const put = (line: Buffer, pinnedBytes: number): void => {
    if (isOpen) writer.add(line);
    else writer.hold(line, pinnedBytes);
  };
  const tell = (event: CacheEvent): void => {
    const type = typeFor(plan, event);
    if (type === undefined) return;
    // What was there before may be a part of the initial state that is not written yet.
    put(lineFor(plan, event, type, first), event.previous?.bytes.length ?? 0);
    first = false;
  };
  return {
    receive: (batch) => {
      if (!plan.isCurrent()) {
        end();
        return;
      }
      for (const event of batch.events) tell(event);
      told = Math.max(told, batch.revision);
      if (isOpen) writer.flush();
    },
    fail: (error) => {
      if (error !== undefined) put(eventLineOf('ERROR', statusOf(error)), 0);
      end();
    },
    begin: () => {
      first = false;
    },
    open: () => {
      isOpen = true;
      writer.release();
      writer.flush();
    },
    isOpen: () => isOpen,
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
