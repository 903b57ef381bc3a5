import type { KindDefinition } from '#schemas/meta/kind.ts';
import { FINALIZERS } from '#schemas/meta/names.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { Whereabouts } from './whereabouts.ts';

interface World {
  readonly cache: Cache;
}

interface Placed {
  readonly metadata: { readonly finalizers?: readonly string[] };
  readonly status?: Whereabouts;
}

/** Whether an agent still has something of an object: of the host that it is on, goes to, or was moved from. */
export function isOnHost({ metadata, status = {} }: Placed): boolean {
  return (['host', 'nextHost', 'formerHost'] as const).some(
    (agent) => status[agent] !== undefined && metadata.finalizers?.includes(FINALIZERS[agent]) === true,
  );
}

/** Lets a deleted object of a kind go only when its host is done with it. Changes nothing: it only waits. True: to be waited for, or done. */
export function createDepartureDriver<W extends World>(
  kind: KindDefinition,
): Driver<'departure', Cache, boolean, Action<'departure'>, W> {
  return {
    name: 'departure',
    nothing: false,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: ({ namespace, name }, cache) => {
      const object = cache.get(kind, { namespace, name }) as Placed | undefined;
      return object === undefined || !isOnHost(object);
    },
    plan: () => [],
    waitsFor: (_owner, desired, observed) => (desired && !observed ? 'The host takes it down first.' : undefined),
    apply: () => Promise.resolve(),
    settle: () => Promise.resolve(),
  };
}
