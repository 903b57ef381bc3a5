import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { viewOf, wireOf } from '#runtime/apiserver/registry/view.ts';
import type { CacheEvent, CachedObject } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** How the object of an event is shown: undefined writes its bytes as they are; `key` tells renderings apart. */
export interface Rendering {
  readonly key: string;
  readonly render: (object: KubeObject) => unknown;
  /** For the first event of a stream, where that differs (a table's columns are told once). */
  readonly renderFirst?: (object: KubeObject) => unknown;
}

const openings: Readonly<Record<EventType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
  BOOKMARK: Buffer.from('{"type":"BOOKMARK","object":'),
  ERROR: Buffer.from('{"type":"ERROR","object":'),
};
const closing = Buffer.from('}\n');

/** One line of a watch: an event around an object that is JSON already. */
export function eventLine(type: EventType, bytes: Buffer): Buffer {
  const opening = openings[type];
  return Buffer.concat([opening, bytes, closing], opening.length + bytes.length + closing.length);
}

/** One line of a watch around any value. */
export function eventLineOf(type: EventType, object: unknown): Buffer {
  return eventLine(type, Buffer.from(JSON.stringify(object)));
}

/** The lines of one event, by type, resource version and rendering. */
type MadeLines = Map<string, Buffer>;

/** Lines that were made already: every watcher of one kind shares them. */
const lines = new WeakMap<CacheEvent, MadeLines>();
/**
 * Those of the last events, in the order of their first lines. History holds events much longer than anybody who follows needs their lines, and a line,
 * with its frame, is two more copies of the object (measured: two thirds of the server's buffers).
 */
const kept = new Set<MadeLines>();
let keptBytes = 0;
const mostKept = 1_024;
/** More than watchers are told in one round, so that a line is there until the last of them has it. */
const mostKeptBytes = 16 * 1024 * 1024;

function keepLine(event: CacheEvent, key: string, line: Buffer): void {
  const made = lines.get(event) ?? new Map<string, Buffer>();
  lines.set(event, made);
  kept.add(made.set(key, line));
  keptBytes += line.length;
  for (const oldest of kept) {
    if (kept.size <= mostKept && keptBytes <= mostKeptBytes) return;
    for (const { length } of oldest.values()) keptBytes -= length;
    oldest.clear();
    kept.delete(oldest);
  }
}

/** The line that tells of a change under the type that a watcher sees it as; made once for all watchers that see it alike. */
export function changeLine(
  resource: Resource,
  event: CacheEvent,
  type: EventType,
  rendering: Rendering | undefined,
): Buffer {
  const key = `${type} ${resource.apiVersion} ${rendering?.key ?? ''}`;
  const known = lines.get(event)?.get(key);
  if (known !== undefined) return known;
  const line = makeLine(resource, event, type, rendering);
  keepLine(event, key, line);
  return line;
}

function makeLine(resource: Resource, event: CacheEvent, type: EventType, rendering: Rendering | undefined): Buffer {
  const cached = type === 'DELETED' && event.type !== 'deleted' ? leaving(event) : event.current;
  const view = viewOf(resource, cached);
  return rendering === undefined ? eventLine(type, view.bytes) : eventLineOf(type, rendering.render(view.object));
}

/** An object that left a selection: what it was, at the revision at which it left. */
function leaving(event: CacheEvent): CachedObject {
  const { previous, current, revision } = event;
  if (previous === undefined) return current;
  const object = { ...previous.object, metadata: { ...previous.object.metadata, resourceVersion: String(revision) } };
  const { collection, namespace, name } = previous;
  return { collection, namespace, name, revision, object, bytes: wireOf(object, revision) };
}
