import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';

/** Whether an object of ours is to stay. */
export type Fate = 'Stay' | 'Go';

export type DisposalAction = Action<
  'disposal',
  'delete-object',
  { readonly name: string; readonly uid: string; readonly resourceVersion: string }
>;

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

interface Found {
  readonly fate: Fate;
  readonly resourceVersion: string;
}

/**
 * Deletes the owner itself, a cluster-scoped object of ours that nobody needs any more. Only in the very state in which that was decided:
 * who takes it into use meanwhile changes its resourceVersion, and then it stays. The snapshot is the cache itself.
 */
export function createDisposalDriver<W extends World>(
  kind: KindDefinition,
): Driver<'disposal', Cache, Found, DisposalAction, W> {
  return {
    name: 'disposal',
    nothing: { fate: 'Stay', resourceVersion: '' },
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) => {
      const object = cache.get(kind, { name: owner.name });
      const isThere =
        object !== undefined && object.metadata.uid === owner.uid && object.metadata.deletionTimestamp === undefined;
      return { fate: isThere ? 'Stay' : 'Go', resourceVersion: object?.metadata.resourceVersion ?? '' };
    },
    plan: ({ kind: ownerKind, name, uid }, desired, observed) =>
      desired.fate === 'Stay' || observed.fate === 'Go'
        ? []
        : [
            {
              driver: 'disposal',
              op: 'delete-object',
              subject: `${ownerKind}/${name}`,
              reason: 'no longer needed',
              disruption: 'none',
              changes: [],
              input: { name, uid, resourceVersion: observed.resourceVersion },
            },
          ],
    apply: async (action, world, signal) => {
      const { name, uid, resourceVersion } = action.input;
      await world.client.delete(resourceTypeOf(kind), { name }, { preconditions: { uid, resourceVersion }, signal });
    },
  };
}
