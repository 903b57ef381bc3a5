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

/** Whether something of an object is still served: on the host that it is on, goes to, or was moved from, or at a provider. */
export function isServed({ metadata, status = {} }: Placed): boolean {
  const isHeld = (by: keyof typeof FINALIZERS): boolean => metadata.finalizers?.includes(FINALIZERS[by]) === true;
  const isOnHost = (['host', 'nextHost', 'formerHost'] as const).some(
    (agent) => status[agent] !== undefined && isHeld(agent),
  );
  return isOnHost || isHeld('provider');
}

/** Lets a deleted object of a kind go only when its host, or the provider, is done with it. Changes nothing: it only waits. True: to be waited for, or done. */
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
      return object === undefined || !isServed(object);
    },
    plan: () => [],
    waitsFor: (_owner, desired, observed) =>
      desired && !observed ? 'It is taken down where it is served first.' : undefined,
    apply: () => Promise.resolve(),
  };
}
