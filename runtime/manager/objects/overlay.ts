import type { KubeObject } from '#schemas/meta/object.ts';
import { compareResourceVersions } from '#runtime/manager/resource-version.ts';

/**
 * What we wrote and the cache does not show yet, by owner and child: who has just made an object must not find it missing.
 * An entry goes as soon as the cache has caught up.
 */
export interface Overlay {
  /** What the server answered to an apply, the manifest that was applied when the answer spells it differently, and whether the object was there before. */
  applied(
    owner: string,
    key: string,
    written: { readonly object: KubeObject; readonly respelled: KubeObject | undefined; readonly isNew: boolean },
  ): void;
  /** Gone, or (with the server's answer) on its way. */
  deleted(owner: string, key: string, gone: { readonly uid: string; readonly object: KubeObject | undefined }): void;
  /** The owner's children as the cache shows them, brought up to date. */
  over(owner: string, cached: ReadonlyMap<string, KubeObject>): ReadonlyMap<string, KubeObject>;
  appliedTo(live: KubeObject): KubeObject | undefined;
}

interface Entry {
  /** `undefined`: gone. */
  readonly object: KubeObject | undefined;
  readonly uid: string;
  /** The cache has shown it before: when it shows it no longer, it is gone. */
  readonly wasShown: boolean;
}

/** An overlay that shows through. */
export function createOverlay(): Overlay {
  const owners = new Map<string, Map<string, Entry>>();
  const respelled = new WeakMap<KubeObject, KubeObject>();
  const put = (
    owner: string,
    key: string,
    { isNew, ...written }: Omit<Entry, 'wasShown'> & { isNew: boolean },
  ): void => {
    const entries = owners.get(owner) ?? new Map<string, Entry>();
    owners.set(owner, entries.set(key, { ...written, wasShown: entries.get(key)?.wasShown ?? !isNew }));
  };
  return {
    applied: (owner, key, written) => {
      if (written.respelled !== undefined) respelled.set(written.object, written.respelled);
      put(owner, key, { ...written, uid: written.object.metadata.uid ?? '' });
    },
    deleted: (owner, key, { uid, object }) => put(owner, key, { uid, object, isNew: false }),
    appliedTo: (live) => respelled.get(live),
    over: (owner, cached) => {
      const entries = owners.get(owner);
      if (entries === undefined) return cached;
      const children = new Map(cached);
      for (const [key, entry] of entries) {
        const shown = cached.get(key);
        if (isCaughtUp(shown, entry, respelled)) entries.delete(key);
        else if (entry.object === undefined) children.delete(key);
        else {
          children.set(key, entry.object);
          if (shown?.metadata.uid === entry.uid) entries.set(key, { ...entry, wasShown: true });
        }
      }
      if (entries.size === 0) owners.delete(owner);
      return children;
    },
  };
}

function isCaughtUp(shown: KubeObject | undefined, entry: Entry, respelled: WeakMap<KubeObject, KubeObject>): boolean {
  const { object, uid, wasShown } = entry;
  if (object === undefined) return shown === undefined || shown.metadata.uid !== uid;
  if (shown === undefined) return wasShown;
  const order = compareResourceVersions(shown.metadata.resourceVersion, object.metadata.resourceVersion);
  // The very answer must stay in sight where only it tells that the server spells our values in its own way.
  return order > 0 || (order === 0 && !respelled.has(object));
}
