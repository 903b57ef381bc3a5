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

/** What hosts keep of this life of a Domain, and whether they may. */
export interface Leftovers {
  readonly fate: 'Stay' | 'Go';
  /** Where found. */
  readonly objects: readonly KeptObject[];
}

export const leftoversStay: Leftovers = { fate: 'Stay', objects: [] };
export const leftoversGo: Leftovers = { fate: 'Go', objects: [] };

/**
 * Deletes the RetainedData of a Domain that is deleted with its files: a host that it was moved from has a copy for a while. Nobody waits until that host
 * has purged it. What is kept of an earlier Domain of the same name stays.
 */
export function createLeftoversDriver<W extends World>(): Driver<
  'domain-leftovers',
  Cache,
  Leftovers,
  KeptDeletion<'domain-leftovers'>,
  W
> {
  return {
    name: 'domain-leftovers',
    nothing: leftoversStay,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: ({ namespace, name, uid }, cache) => {
      const ofThisLife = keptForObject({ kind: 'Domain', namespace, name }, cache).filter(
        ({ metadata, spec }) =>
          metadata.name === retainedNameOf({ kind: 'Domain', metadata: { namespace, name, uid } }, spec.host),
      );
      return { fate: 'Stay', objects: ofThisLife.map(keptObjectOf) };
    },
    plan: (_owner, { fate }, { objects }) =>
      fate === 'Stay' ? [] : keptDeletions(objects, { driver: 'domain-leftovers', reason: 'deleted with its Domain' }),
    apply: (action, { client }, signal) => deleteKept(action, client, signal),
  };
}
