import type { Collection } from '#runtime/storage/cache.ts';
import { objectPath, parseObjectKey, type ObjectLocation } from '#runtime/storage/object-key.ts';
import type { Change } from '#runtime/storage/store.ts';
import { entryFromStored, type CachedEntry, type ParseObject } from './cached-entry.ts';
import { changeEvent } from './change-event.ts';
import { createCollectionState, type CollectionState } from './collection-state.ts';
import { EventLog, keepTogether, type HistoryBounds } from './event-log.ts';
import { ParsedPast } from './parsed-past.ts';

export interface CacheStateOptions {
  readonly history: HistoryBounds;
  readonly parse: ParseObject;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A value that is not an object in our spelling was left out. */
  readonly onForeign: (key: string) => void;
}

/** All collections at one revision. Every method is synchronous, so nobody sees a revision half applied. */
export interface CacheState {
  /** Events of all collections. */
  readonly log: EventLog;
  /** Made when it is not there yet. */
  collection(name: Collection): CollectionState;
  find(name: Collection): CollectionState | undefined;
  states(): Iterable<CollectionState>;
  /** Applies changes in the order of their revisions and tells them as events. */
  apply(changes: readonly Change[]): void;
  /** Forgets all events: what is there now is where history begins, at `revision`. */
  restartHistory(revision: number): void;
}

/** No collections, no history. */
export function createCacheState(options: CacheStateOptions): CacheState {
  const states = new Map<Collection, CollectionState>();
  const log = new EventLog(0, options.history);
  const past = new ParsedPast();
  let historyStart = 0;

  function collection(name: Collection): CollectionState {
    const known = states.get(name);
    if (known !== undefined) return known;
    const state = createCollectionState(name, historyStart, options.history);
    states.set(name, state);
    return state;
  }

  function applyChange(change: Change, now: number): EventLog | undefined {
    const found = parseObjectKey(change.key);
    if (found === undefined) return undefined;
    const state = collection(found.collection);
    const location = { ...found, collection: state.collection };
    const previous = state.get(objectPath(location.namespace, location.name));
    const current = currentOf(options, location, change);
    const event = changeEvent({ revision: change.revision, previous, current }, options.parse);
    if (event === undefined) return undefined;
    state.replace(previous, current);
    previous?.supersede(past);
    if (event.type === 'deleted') event.current.supersede(past);
    state.log.append(event, now);
    log.append(event, now);
    return state.log;
  }

  function apply(changes: readonly Change[]): void {
    const now = options.now();
    const touched = new Set<EventLog>();
    for (const change of changes) {
      const changed = applyChange(change, now);
      if (changed !== undefined) touched.add(changed);
    }
    keepTogether(
      [...states.values()].map((state) => state.log),
      options.history.maxBytes,
    );
    if (touched.size > 0) touched.add(log);
    for (const changed of touched) changed.wake();
  }

  function restartHistory(revision: number): void {
    historyStart = revision;
    log.restart(revision);
    for (const state of states.values()) state.log.restart(revision);
  }

  const find = (name: Collection): CollectionState | undefined => states.get(name);
  return { log, collection, find, states: () => states.values(), apply, restartHistory };
}

/** The object after a change; undefined when it is gone, or is no object any more. */
function currentOf(
  options: CacheStateOptions,
  location: ObjectLocation,
  { key, value, revision }: Change,
): CachedEntry | undefined {
  if (value === undefined) return undefined;
  const entry = entryFromStored(location, { value, revision }, options.parse);
  if (entry === undefined) options.onForeign(key);
  return entry;
}
