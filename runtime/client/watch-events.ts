import { HostError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ResourceType, WatchEvent, WatchOptions } from './client.ts';
import type { Wire } from './exchanges.ts';
import { acceptOf, watchQuery } from './query.ts';
import { collectionPathOf } from './resource-type.ts';
import { errorOfStatus } from './status-error.ts';
import { streamBody } from './stream-body.ts';
import { linesOf } from './watch-lines.ts';

/** Bookmarks come about every minute, so a silence beyond the watch's own end means a dead peer. */
const silenceMarginMs = 30_000;
const defaultWatchSeconds = 600;

/** The events of one watch, on a connection of its own, which ends with the iteration. */
export async function* watchEvents<T extends KubeObject>(
  wire: Wire,
  type: ResourceType,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const timeoutSeconds = options.timeoutSeconds ?? defaultWatchSeconds;
  const body = streamBody(wire, {
    method: 'GET',
    path: collectionPathOf(type, options.namespace) + watchQuery({ ...options, timeoutSeconds }),
    headers: acceptOf(options, false),
    signal: options.signal,
    timeoutMs: timeoutSeconds * 1_000 + silenceMarginMs,
  });
  for await (const lines of linesOf(body, wire.maxBytes)) {
    for (const line of lines) yield parseEvent<T>(line);
  }
}

function parseEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  let event: WatchEvent<T> | { readonly type: 'ERROR'; readonly object: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (err) {
    throw new HostError('an event of the watch is no JSON', {}, { cause: err });
  }
  if (event.type === 'ERROR') throw errorOfStatus(isRecord(event.object) ? event.object : {});
  return event;
}
