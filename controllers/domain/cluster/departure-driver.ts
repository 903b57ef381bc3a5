import { FINALIZERS } from '#schemas/meta/names.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';

interface World {
  readonly cache: Cache;
}

/** Whether an agent still has something of a Domain: of the host that it is on, goes to, or was moved from. */
export function isOnHost({ metadata, status = {} }: Domain): boolean {
  return (['host', 'nextHost', 'formerHost'] as const).some(
    (agent) => status[agent] !== undefined && metadata.finalizers?.includes(FINALIZERS[agent]) === true,
  );
}

/** Lets a deleted Domain go only when its host is done with it. Changes nothing: it only waits. True: to be waited for, or done. */
export function createDepartureDriver<W extends World>(): Driver<'departure', Cache, boolean, Action<'departure'>, W> {
  return {
    name: 'departure',
    nothing: false,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: ({ namespace, name }, cache) => {
      const domain = cache.get(domainKind, { namespace, name });
      return domain === undefined || !isOnHost(domain);
    },
    plan: () => [],
    waitsFor: (_owner, desired, observed) => (desired && !observed ? 'The host takes the site down first.' : undefined),
    apply: () => Promise.resolve(),
    settle: () => Promise.resolve(),
  };
}
