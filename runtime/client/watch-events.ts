import { HostError, Wcp360Error } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ResourceType, WatchEvent, WatchOptions } from './client.ts';
import { obeying, type Wire } from './exchanges.ts';
import { acceptOf, watchQuery } from './query.ts';
import { collectionPathOf } from './resource-type.ts';
import { errorOfStatus, statusError } from './status-error.ts';
import { failureOf, type WireRequest } from './transport.ts';
import { linesOf } from './watch-lines.ts';

/** Bookmarks come about every minute, so a silence beyond the watch's own end means a dead peer. */
const silenceMarginMs = 30_000;
const defaultWatchSeconds = 600;
const longestRefusalBytes = 65_536;

/** The events of one watch, on a connection of its own, which ends with the iteration. */
export async function* watchEvents<T extends KubeObject>(
  wire: Wire,
  type: ResourceType,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const timeoutSeconds = options.timeoutSeconds ?? defaultWatchSeconds;
  const request: WireRequest = {
    method: 'GET',
    path: collectionPathOf(type, options.namespace) + watchQuery({ ...options, timeoutSeconds }),
    headers: acceptOf(options, false),
    signal: options.signal,
    timeoutMs: timeoutSeconds * 1_000 + silenceMarginMs,
  };
  const stream = await obeying(wire, request, () => wire.transport.open(request));
  try {
    if (stream.status !== 200) throw await refusalOf(stream.status, stream.body);
    for await (const lines of linesOf(stream.body, wire.maxBytes)) {
      for (const line of lines) yield parseEvent<T>(line);
    }
  } catch (err) {
    throw err instanceof Wcp360Error ? err : failureOf(request, err);
  } finally {
    stream.body.destroy();
  }
}

async function refusalOf(status: number, body: AsyncIterable<Buffer>): Promise<Error> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString();
    if (text.length > longestRefusalBytes) break;
  }
  return statusError(status, text);
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
