import { isTrue } from '#schemas/meta/conditions.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { keptForObject, retainedNameOf } from '#controllers/kept-data.ts';

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** What stands for files of a Domain that are kept: nothing, as long as they are its own; what the leader noted; or, once the host has taken that over, what is in charge of them. */
export interface Keeping {
  readonly state: 'None' | 'Noted' | 'InCharge';
  /** Where found: the objects, by name and uid. */
  readonly objects: readonly { readonly name: string; readonly uid: string; readonly isLeaving: boolean }[];
}

export const noKeeping: Keeping = { state: 'None', objects: [] };
export const inCharge: Keeping = { state: 'InCharge', objects: [] };

type KeptAction = Action<'domain-kept', 'delete-object', { readonly name: string; readonly uid: string }>;

/**
 * Ends what stands for kept files once they are back in place, and lets a deleted Domain go only when the RetainedData of its files is in charge of them,
 * so that nobody can delete it before it could purge. The leader makes it: an agent that could would do so in the name of other hosts.
 */
export function createKeptDriver<W extends World>(
  hostName: string,
): Driver<'domain-kept', Cache, Keeping, KeptAction, W> {
  return {
    name: 'domain-kept',
    nothing: noKeeping,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: ({ namespace, name, uid }, cache) => {
      const kept = keptForObject({ kind: 'Domain', namespace, name }, cache);
      if (kept.length === 0) return noKeeping;
      const ownName = retainedNameOf({ metadata: { namespace, name, uid } }, hostName);
      const own = kept.find(({ metadata }) => metadata.name === ownName);
      return {
        state: own !== undefined && isTrue(own.status?.conditions, 'Ready') ? 'InCharge' : 'Noted',
        objects: kept.map(({ metadata }) => ({
          name: metadata.name,
          uid: metadata.uid ?? '',
          isLeaving: metadata.deletionTimestamp !== undefined,
        })),
      };
    },
    plan: (_owner, desired, { objects }) =>
      desired.state === 'None' ? objects.filter(({ isLeaving }) => !isLeaving).map(deletionOf) : [],
    waitsFor: (_owner, desired, observed) => {
      if (desired.state === 'InCharge')
        return observed.state === 'InCharge' ? undefined : 'The kept files are being taken over.';
      return observed.state === 'None' ? undefined : 'The files that were kept are being handed back.';
    },
    apply: async ({ input: { name, uid } }, { client }, signal) =>
      void (await client.delete(resourceTypeOf(retainedDataKind), { name }, { preconditions: { uid }, signal })),
    settle: () => Promise.resolve(),
  };
}

function deletionOf({ name, uid }: Keeping['objects'][number]): KeptAction {
  return {
    driver: 'domain-kept',
    op: 'delete-object',
    subject: `${retainedDataKind.kind}/${name}`,
    reason: 'the files are back in place',
    disruption: 'none',
    changes: [],
    input: { name, uid },
  };
}
