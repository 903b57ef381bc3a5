import type { CacheEvent } from '#runtime/storage/cache.ts';
import { storedBytes, wireBytes } from '#runtime/storage/object-codec.ts';
import { CachedEntry, type ParseObject } from './cached-entry.ts';

/** One object before and after a change; undefined stands for absent. */
export interface Transition {
  readonly revision: number;
  readonly previous: CachedEntry | undefined;
  readonly current: CachedEntry | undefined;
}

/** A change between entries of a cache. */
export interface EntryEvent extends CacheEvent {
  readonly previous: CachedEntry | undefined;
  readonly current: CachedEntry;
}

/** What watchers are told of a transition; undefined when there was nothing and is nothing. */
export function changeEvent({ revision, previous, current }: Transition, parse: ParseObject): EntryEvent | undefined {
  if (current !== undefined)
    return { type: previous === undefined ? 'added' : 'modified', revision, current, previous };
  if (previous === undefined) return undefined;
  const bytes = wireBytes(storedBytes(previous.bytes), revision) ?? previous.bytes;
  return { type: 'deleted', revision, current: new CachedEntry(previous, revision, bytes, parse), previous };
}
