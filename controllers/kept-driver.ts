import { isTrue } from '#schemas/meta/conditions.ts';
import type { RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Driver, Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { retainedNameOf } from './kept-data.ts';
import { deleteKept, keptDeletions, keptObjectOf, type KeptDeletion, type KeptObject } from './kept-deletion.ts';

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** What stands for kept data of an object: nothing, as long as it has that itself; what the leader noted; or, once the host has taken that over, what is in charge of it. `Any`, which is never found: nobody waits for it. */
export interface Keeping {
  readonly state: 'None' | 'Noted' | 'InCharge' | 'Any';
  /** Where found. */
  readonly objects: readonly KeptObject[];
}

export const noKeeping: Keeping = { state: 'None', objects: [] };
export const inCharge: Keeping = { state: 'InCharge', objects: [] };
export const whateverIsKept: Keeping = { state: 'Any', objects: [] };

interface KeptOptions<Name extends string> {
  readonly name: Name;
  readonly hostName: string;
  /** What is kept of an object here. */
  readonly keptOf: (owner: Owner, cache: Cache) => readonly RetainedData[];
  /** Whether it tells what the object does not tell by itself yet. Absent: it never does. */
  readonly isNeeded?: (kept: RetainedData, owner: Owner, cache: Cache) => boolean;
}

/**
 * Ends what stands for kept data once that is back in place, and lets a deleted object go only when the RetainedData is in charge of it,
 * so that nobody can delete it before it could purge. The leader makes it: an agent that could would do so in the name of other hosts.
 */
export function createKeptDriver<Name extends string, W extends World>({
  name: driver,
  hostName,
  keptOf,
  isNeeded = () => false,
}: KeptOptions<Name>): Driver<Name, Cache, Keeping, KeptDeletion<Name>, W> {
  return {
    name: driver,
    nothing: noKeeping,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) => {
      const kept = keptOf(owner, cache);
      if (kept.length === 0) return noKeeping;
      const ownName = retainedNameOf({ kind: owner.kind, metadata: owner }, hostName);
      const own = kept.find(({ metadata }) => metadata.name === ownName);
      return {
        state: own !== undefined && isTrue(own.status?.conditions, 'Ready') ? 'InCharge' : 'Noted',
        objects: kept.map((each) => {
          const found = keptObjectOf(each);
          return { ...found, isHandedBack: found.isHandedBack && !isNeeded(each, owner, cache) };
        }),
      };
    },
    plan: (_owner, desired, { objects }) =>
      desired.state === 'None'
        ? keptDeletions(
            objects.filter(({ isHandedBack }) => isHandedBack),
            { driver, reason: 'the data is back in place' },
          )
        : [],
    waitsFor: (_owner, desired, observed) => {
      if (desired.state === 'Any') return undefined;
      if (desired.state === 'InCharge')
        return observed.state === 'InCharge' ? undefined : 'What is kept is being taken over.';
      return observed.state === 'None' ? undefined : 'What was kept is being handed back.';
    },
    apply: (action, { client }, signal) => deleteKept(action, client, signal),
  };
}
