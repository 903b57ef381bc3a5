import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KindDefinition, ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { Cache } from './cache.ts';
import type { AnyController } from './controller.ts';
import { addFinalizers, dropFinalizers, hasFinalizer, type FinalizerOptions } from './finalizers.ts';
import { isDeleting } from './plan-object.ts';

/** Keeps objects of one controller from going before everything that was made for them is gone. */
export interface Holding {
  /** The object once it is held; `undefined` when there is nothing to do for us: not placed yet, or deleted without ever having been ours. */
  hold(object: KubeObject, signal: AbortSignal): Promise<KubeObject | undefined>;
  /** Lets it go. False when it looks different now (the next event tells how). */
  release(object: KubeObject, signal: AbortSignal): Promise<boolean>;
}

interface HoldingOptions<W> extends FinalizerOptions {
  readonly controller: AnyController<W>;
  readonly cache: Cache;
  readonly fence: () => void;
}

/** The holding of a controller, by its finalizer and, where it says so, the host's. */
export function createHolding<W>(options: HoldingOptions<W>): Holding {
  const { finalizer } = options.controller;
  if (finalizer === undefined) {
    return {
      hold: (object) => Promise.resolve(isDeleting(object) ? undefined : object),
      release: () => Promise.resolve(true),
    };
  }
  return {
    hold: async (object, signal) => await hold(options, { object, finalizer }, signal),
    release: async (object, signal) => {
      const isHosts = options.controller.goesToHost === undefined || hasHost(object);
      const done = isHosts ? [finalizer] : [finalizer, FINALIZERS.host];
      return await dropFinalizers(options, { object, done }, signal);
    },
  };
}

async function hold<W>(
  options: HoldingOptions<W>,
  { object, finalizer }: { readonly object: KubeObject; readonly finalizer: string },
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const { controller, cache, fence } = options;
  const isHeld = hasFinalizer(object, finalizer);
  if (isDeleting(object)) return isHeld ? object : undefined;
  if (!isHeld && controller.finalizerSetBy === 'placement') return undefined;
  const missing = [
    ...(isHeld ? [] : [finalizer]),
    ...(hasFinalizer(object, FINALIZERS.host) || !goesToHost(controller, object, cache) ? [] : [FINALIZERS.host]),
  ];
  if (missing.length === 0) return object;
  fence();
  return await addFinalizers(options, { object, missing }, signal);
}

function goesToHost<W>(controller: AnyController<W>, object: KubeObject, cache: Cache): boolean {
  return controller.goesToHost?.(object as ResourceOf<KindDefinition>, cache) === true;
}

function hasHost({ status }: KubeObject): boolean {
  return isRecord(status) && status['host'] !== undefined;
}
