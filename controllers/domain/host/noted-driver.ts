import { isTrue } from '#schemas/meta/conditions.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { retainedNameOf } from './retained.ts';

interface World {
  readonly cache: Cache;
}

/**
 * Lets a deleted Domain go only when the RetainedData of its files is in charge of them, so that nobody can delete it before it could purge.
 * Changes nothing: it only waits. True: in charge.
 */
export function createNotedDriver<W extends World>(): Driver<'noted', Cache, boolean, Action<'noted'>, W> {
  return {
    name: 'noted',
    nothing: false,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: ({ namespace, name, uid }, cache) => {
      const kept = cache.get(retainedDataKind, { name: retainedNameOf(namespace, name, uid) });
      return kept !== undefined && isTrue(kept.status?.conditions, 'Ready');
    },
    plan: () => [],
    waitsFor: (_owner, desired, observed) =>
      desired && !observed ? 'The kept files are being taken over.' : undefined,
    apply: () => Promise.resolve(),
    settle: () => Promise.resolve(),
  };
}
