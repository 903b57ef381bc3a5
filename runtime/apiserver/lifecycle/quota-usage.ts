import type { QuotaKeeper } from '#runtime/apiserver/admission/quota/keeper.ts';
import { hardOf, quotaCollection } from '#runtime/apiserver/admission/quota/model.ts';
import { reservationMs } from '#runtime/apiserver/admission/quota/reservations.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { CacheEvent, WatchCache } from '#runtime/storage/cache.ts';
import type { LifecycleTask } from './loop.ts';

/** Many deletions in one namespace are counted together. */
const settleMs = 50;

/**
 * Keeps `status.used` of ResourceQuotas what it should be: after deletions, after a change of the quota, and once after each charge in case the create came to
 * nothing. Counting is one look-up per counted resource, so it is always done in full.
 */
export function quotaUsage(options: {
  readonly cache: WatchCache;
  readonly keeper: QuotaKeeper;
  readonly clock: Clock;
}): LifecycleTask {
  const { cache, keeper, clock } = options;
  return {
    name: 'quota-usage',
    workers: 4,
    resync: (queue) => {
      for (const { namespace, name } of cache.list(quotaCollection)) queue.add(`${namespace}/${name}`, 'later');
    },
    observe: (event, queue) => {
      keeper.observe(event);
      const { collection, namespace, name } = event.current;
      if (collection === quotaCollection && event.type !== 'deleted') {
        if (!hasSameLimits(event)) queue.add(`${namespace}/${name}`);
        queue.addAfter(`${namespace}/${name}`, reservationMs + settleMs);
      } else if (event.type === 'deleted' && namespace !== '') {
        for (const quota of cache.list(quotaCollection, namespace))
          queue.addAfter(`${namespace}/${quota.name}`, settleMs);
      }
    },
    work: async (key, queue) => {
      const [namespace = '', name = ''] = key.split('/');
      const againMs = await keeper.recount(namespace, name);
      if (againMs !== undefined) queue.addAfter(key, Math.max(0, againMs - clock.now()) + settleMs);
    },
  };
}

/** A charge changes `used` only, and is right as it stands. */
function hasSameLimits(event: CacheEvent): boolean {
  return event.previous !== undefined && isEqual(hardOf(event.previous.object), hardOf(event.current.object));
}
