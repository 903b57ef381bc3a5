import type { KindDefinition, ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Cache } from './cache.ts';
import type { AnyController, Holders } from './controller.ts';
import { addFinalizers, dropFinalizers, hasFinalizer, type FinalizerOptions } from './finalizers.ts';
import { storeKeyOf } from './object-store.ts';
import { isTakenDown } from './plan-object.ts';

/** Keeps objects of one controller from going before everything that was made for them is gone. */
export interface Holding {
  /** The object once it is held; `undefined` when there is nothing to do for us: not placed yet, deleted without ever having been ours, or left already. */
  hold(object: KubeObject, signal: AbortSignal): Promise<KubeObject | undefined>;
  /** Lets it go. False when it looks different now (the next event tells how). */
  release(object: KubeObject, signal: AbortSignal): Promise<boolean>;
}

interface HoldingOptions<W> extends FinalizerOptions {
  readonly controller: AnyController<W>;
  readonly cache: Cache;
  readonly fence: () => void;
}

/** The holding of a controller: by its finalizer, and by those of others that it sets. */
export function createHolding<W>(options: HoldingOptions<W>): Holding {
  const { finalizer } = options.controller;
  const own = finalizer === undefined ? [] : [finalizer];
  // While the cache still shows an object as it was before our write, the same write would be a conflict.
  const written = new Map<string, { readonly seen: string | undefined; readonly after: KubeObject }>();
  const latestOf = (object: KubeObject): KubeObject => {
    const key = storeKeyOf(object);
    const last = written.get(key);
    if (last === undefined || last.seen === object.metadata.resourceVersion) return last?.after ?? object;
    written.delete(key);
    return object;
  };
  return {
    hold: async (object, signal) => {
      const latest = latestOf(object);
      const held = await hold(options, { object: latest, own }, signal);
      if (held !== undefined && held !== latest)
        written.set(storeKeyOf(object), { seen: object.metadata.resourceVersion, after: held });
      return held;
    },
    release: async (object, signal) => {
      const done = [...own, ...holdersOf(options, object).drop];
      return await dropFinalizers(options, { object, done }, signal);
    },
  };
}

/** `own`: the controller's own finalizer; none of one that leaves nothing behind, and may set those of others all the same. */
async function hold<W>(
  options: HoldingOptions<W>,
  { object, own }: { readonly object: KubeObject; readonly own: readonly string[] },
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const isHeld = own.every((finalizer) => hasFinalizer(object, finalizer));
  const isGoing = isTakenDown(options, object);
  if (isGoing && own.length > 0) return isHeld ? object : undefined;
  if (!isHeld && options.controller.finalizerSetBy === 'placement') return undefined;
  const { add, drop } = holdersOf(options, object);
  // What is going takes no more.
  const held = await setHolders(options, { object, wanted: isGoing ? [] : [...own, ...add], drop }, signal);
  return isGoing ? undefined : held;
}

/** The object with these finalizers and without those; `undefined` when it looks different now. */
async function setHolders<W>(
  options: HoldingOptions<W>,
  {
    object,
    wanted,
    drop,
  }: { readonly object: KubeObject; readonly wanted: readonly string[]; readonly drop: readonly string[] },
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const missing = wanted.filter((each) => !hasFinalizer(object, each));
  const unwanted = drop.filter((each) => hasFinalizer(object, each));
  if (missing.length === 0 && unwanted.length === 0) return object;
  options.fence();
  if (missing.length > 0) return await addFinalizers(options, { object, missing }, signal);
  return (await dropFinalizers(options, { object, done: unwanted }, signal)) ? object : undefined;
}

function holdersOf<W>({ controller, cache }: HoldingOptions<W>, object: KubeObject): Holders {
  return controller.holdsFor?.(object as ResourceOf<KindDefinition>, cache) ?? { add: [], drop: [] };
}
