import type { IDuplexStream, IEvent, IWatchRequest, IWatchResponse } from 'etcd3';
import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import { prefixEnd } from '#runtime/storage/key-order.ts';
import type { Batch, Change } from '#runtime/storage/store.ts';
import type { EtcdConnection } from './connection.ts';
import { isFutureRevision, typedError } from './etcd-errors.ts';

const backoff: Backoff = { firstMs: 50, maxMs: 3_000, factor: 2, jitterRatio: 0.3 };

type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse> & AsyncIterable<IWatchResponse>;

/** Where a watch is: what it looks at, and the last revision that the reader has had. */
interface Position {
  readonly prefix: string;
  readonly after: number;
}

/**
 * Changes below `prefix` after revision `after`, over as many connections as it takes.
 *
 * Which revisions of etcd can be gone on from (etcd 3.4.23): the last event's own, since a header carries the store's current revision even
 * while older events are still to come; and the header of an answer without events for this watch, since etcd sends those in line with
 * events and only when the watch has caught up. Not the header of `created`, and not answers to progress requests, which etcd 3.4 sends out
 * of line; so none are made (etcd-io/etcd#15220).
 */
export async function* watchPrefix(
  etcd: EtcdConnection,
  clock: Clock,
  start: Position,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  let after = start.after;
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const batch of watchOnce(etcd, { prefix: start.prefix, after }, signal)) {
        failures = 0;
        after = batch.revision;
        yield batch;
      }
    } catch (err) {
      if (signal.aborted) return;
      if (err instanceof CompactedError) throw err;
    }
    failures++;
    await clock.sleep(backoffMs(backoff, failures), signal).catch(() => undefined);
  }
}

async function* watchOnce(etcd: EtcdConnection, from: Position, signal: AbortSignal): AsyncGenerator<Batch> {
  const { watches, left } = etcd.current();
  const stream = (await watches.watch()) as WatchStream;
  const ending = AbortSignal.any([signal, left]);
  const onAbort = (): void => cancel(stream);
  ending.addEventListener('abort', onAbort);
  try {
    ending.throwIfAborted();
    stream.write(createRequest(from));
    yield* batchesOf(etcd, stream, from, signal);
  } catch (err) {
    throw err instanceof CompactedError ? err : typedError('watch', err);
  } finally {
    ending.removeEventListener('abort', onAbort);
    cancel(stream);
  }
}

/** Ended first, because etcd3 takes the error of a writable stream for a failure of the server and drops all channels to it. */
function cancel(stream: WatchStream): void {
  stream.end();
  stream.cancel();
}

function createRequest({ prefix, after }: Position): IWatchRequest {
  const key = Buffer.from(prefix);
  return {
    create_request: {
      key,
      range_end: prefixEnd(key),
      start_revision: after + 1,
      progress_notify: true,
      fragment: true,
    },
  };
}

async function* batchesOf(
  etcd: EtcdConnection,
  stream: WatchStream,
  from: Position,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  let after = from.after;
  let fragments: readonly IEvent[] = [];
  for await (const response of stream) {
    if (response.canceled) throw endOf(response, after);
    if (response.created) {
      await requireHistory(etcd, from, signal);
      continue;
    }
    const events = fragments.length === 0 ? response.events : [...fragments, ...response.events];
    if (response.fragment) {
      fragments = events;
      continue;
    }
    fragments = [];
    const batch = batchOf(events, Number(response.header.revision), after);
    after = batch.revision;
    yield batch;
  }
  throw new HostError('etcd ended the watch stream', { program: 'etcd' });
}

function endOf(response: IWatchResponse, after: number): Error {
  if (response.compact_revision !== '0') return new CompactedError(after);
  return new HostError(`etcd cancelled the watch: ${response.cancel_reason}`, { program: 'etcd' });
}

/**
 * A watch that starts at the very revision of the last compaction may lack a deletion (etcd-io/etcd#18089), and etcd does not say so:
 * a read as of the revision before the start fails exactly in that case.
 */
async function requireHistory(etcd: EtcdConnection, { prefix, after }: Position, signal: AbortSignal): Promise<void> {
  if (after === 0) return;
  const request = { key: Buffer.from(prefix), revision: after, count_only: true };
  try {
    await etcd.repeated('range', ({ kv }, bounds) => kv.range(request, bounds), signal);
  } catch (err) {
    if (err instanceof CompactedError) throw new CompactedError(after, { cause: err });
    if (!isFutureRevision(err)) throw err;
  }
}

function batchOf(events: readonly IEvent[], headerRevision: number, after: number): Batch {
  const last = events.at(-1);
  if (last === undefined) return { revision: Math.max(after, headerRevision), changes: [] };
  const changes: Change[] = [];
  for (const { type, kv } of events) {
    const revision = Number(kv.mod_revision);
    if (revision <= after) continue;
    changes.push({ key: kv.key.toString('utf8'), revision, value: type === 'Put' ? kv.value : undefined });
  }
  return { revision: Math.max(after, Number(last.kv.mod_revision)), changes };
}
