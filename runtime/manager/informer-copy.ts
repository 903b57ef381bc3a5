import type { WatchEvent } from '#runtime/client/client.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { storeKeyOf, type ObjectStore } from './object-store.ts';
import { compareResourceVersions } from './resource-version.ts';

/** How one object differs from what was known before. */
export interface ObjectChange {
  readonly type: 'added' | 'modified' | 'deleted';
  /** The last known state when deleted. */
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
  /** Part of a full read, not of live news. */
  readonly filling: boolean;
}

/** What is known of the collection, and up to which revision. */
export interface Copy {
  /** The last revision of which every change has been seen; `undefined` in state unknown. */
  position: string | undefined;
  /** The highest revision ever seen. */
  newest: string | undefined;
  /** Puts a full read in place of everything. */
  replace(objects: readonly KubeObject[], resourceVersion: string): void;
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void;
  /** Nothing up to here is missing. */
  advance(resourceVersion: string | undefined): void;
}

export interface CopyOptions {
  readonly store: ObjectStore;
  readonly tell: (change: ObjectChange) => void;
  /** Called after each full read, before its changes are told. */
  readonly onFilled: () => void;
  /** Puts off that an object which has left the selection, and was not deleted, is gone. Absent: it is gone at once. */
  readonly putOff?: ((work: () => void) => void) | undefined;
}

/** A copy that knows nothing. */
export function createCopy({ store, tell, onFilled, putOff }: CopyOptions): Copy {
  const change = (type: WatchEvent['type'], object: KubeObject): void => {
    const found = changeOf(store, type, object);
    if (found !== undefined) tell(found);
  };
  const copy: Copy = {
    position: undefined,
    newest: undefined,
    replace: (objects, resourceVersion) => {
      const changes = replaceAll(store, objects);
      copy.position = resourceVersion;
      copy.newest = resourceVersion;
      onFilled();
      changes.forEach(tell);
    },
    apply: (type, object) => {
      const revision = object.metadata.resourceVersion;
      if (compareResourceVersions(revision, copy.position) < 0) return;
      // Several objects may change in one revision: only a later one proves that this one is complete.
      if (compareResourceVersions(revision, copy.newest) > 0) copy.advance(copy.newest);
      copy.newest = revision ?? copy.newest;
      const isPutOff = type === 'DELETED' && object.metadata.deletionTimestamp === undefined;
      if (putOff !== undefined && isPutOff) putOff(() => change(type, object));
      else change(type, object);
    },
    advance: (resourceVersion) => {
      if (compareResourceVersions(resourceVersion, copy.position) > 0) copy.position = resourceVersion;
      if (compareResourceVersions(resourceVersion, copy.newest) > 0) copy.newest = resourceVersion;
    },
  };
  return copy;
}

function changeOf(store: ObjectStore, type: WatchEvent['type'], object: KubeObject): ObjectChange | undefined {
  const key = storeKeyOf(object);
  const previous = store.get(key);
  if (type === 'DELETED') {
    // It may have come back meanwhile.
    if (previous === undefined || isNewer(previous, object)) return undefined;
    store.delete(key);
    return { type: 'deleted', object, previous, filling: false };
  }
  const isKnown =
    previous !== undefined &&
    compareResourceVersions(object.metadata.resourceVersion, previous.metadata.resourceVersion) <= 0;
  if (isKnown) return undefined;
  store.set(object);
  return { type: previous === undefined ? 'added' : 'modified', object, previous, filling: false };
}

function isNewer(a: KubeObject, b: KubeObject): boolean {
  return compareResourceVersions(a.metadata.resourceVersion, b.metadata.resourceVersion) > 0;
}

function replaceAll(store: ObjectStore, objects: readonly KubeObject[]): readonly ObjectChange[] {
  const changes: ObjectChange[] = [];
  const gone = new Set(store.keys());
  for (const object of objects) {
    const key = storeKeyOf(object);
    gone.delete(key);
    const previous = store.get(key);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion && previous !== undefined) continue;
    store.set(object);
    changes.push({ type: previous === undefined ? 'added' : 'modified', object, previous, filling: true });
  }
  for (const key of gone) {
    const previous = store.get(key);
    store.delete(key);
    if (previous !== undefined) changes.push({ type: 'deleted', object: previous, previous, filling: true });
  }
  return changes;
}
