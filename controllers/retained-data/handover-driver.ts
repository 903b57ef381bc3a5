import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';

/** The host that looks after kept data. Absent in what is wanted: whichever does. */
export interface Keeper {
  readonly host?: string;
}

export type HandoverAction = Action<'handover', 'hand-over', { readonly name: string; readonly host: string }>;

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** Gives kept data to another host. The snapshot is the cache itself. */
export function createHandoverDriver<W extends World>(): Driver<'handover', Cache, Keeper, HandoverAction, W> {
  return {
    name: 'handover',
    writesApi: true,
    nothing: {},
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: ({ name }, cache) => {
      const found = cache.get(retainedDataKind, { name });
      return found === undefined ? {} : { host: found.spec.host };
    },
    plan: ({ kind, name }, { host }, observed) =>
      host === undefined || observed.host === undefined || observed.host === host
        ? []
        : [
            {
              driver: 'handover',
              op: 'hand-over',
              subject: `${kind}/${name}`,
              reason: 'its host is lost',
              disruption: 'none',
              changes: [],
              input: { name, host },
            },
          ],
    apply: async ({ input: { name, host } }, { client }, signal) => {
      const body = { spec: { host } };
      const fieldManager = 'wcp360-database-kept';
      await client.patch(resourceTypeOf(retainedDataKind), { name }, { type: 'merge', body }, { fieldManager, signal });
    },
  };
}
