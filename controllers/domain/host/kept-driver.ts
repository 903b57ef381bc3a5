import { isTrue } from '#schemas/meta/conditions.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { keptForObject, retainedNameOf } from '#controllers/kept-data.ts';
import {
  deleteKept,
  keptDeletions,
  keptObjectOf,
  type KeptDeletion,
  type KeptObject,
} from '#controllers/kept-deletion.ts';

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** What stands for files of a Domain that are kept: nothing, as long as they are its own; what the leader noted; or, once the host has taken that over, what is in charge of them. */
export interface Keeping {
  readonly state: 'None' | 'Noted' | 'InCharge';
  /** Where found. */
  readonly objects: readonly KeptObject[];
}

export const noKeeping: Keeping = { state: 'None', objects: [] };
export const inCharge: Keeping = { state: 'InCharge', objects: [] };

/**
 * Ends what stands for kept files once they are back in place, and lets a deleted Domain go only when the RetainedData of its files is in charge of them,
 * so that nobody can delete it before it could purge. The leader makes it: an agent that could would do so in the name of other hosts.
 */
export function createKeptDriver<W extends World>(
  hostName: string,
): Driver<'domain-kept', Cache, Keeping, KeptDeletion<'domain-kept'>, W> {
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
        objects: kept.map(keptObjectOf),
      };
    },
    plan: (_owner, desired, { objects }) =>
      desired.state === 'None'
        ? keptDeletions(objects, { driver: 'domain-kept', reason: 'the files are back in place' })
        : [],
    waitsFor: (_owner, desired, observed) => {
      if (desired.state === 'InCharge')
        return observed.state === 'InCharge' ? undefined : 'The kept files are being taken over.';
      return observed.state === 'None' ? undefined : 'The files that were kept are being handed back.';
    },
    apply: (action, { client }, signal) => deleteKept(action, client, signal),
    settle: () => Promise.resolve(),
  };
}
