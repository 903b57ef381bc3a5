import {
  conditionsOf,
  requestCollection,
  requestGroup,
  requestResource,
} from '#runtime/apiserver/builtin/certificate-signing-request.ts';
import { textAt } from '#runtime/apiserver/builtin/fields.ts';
import type { LifecycleTask } from '#runtime/apiserver/lifecycle/loop.ts';
import type { Operations } from '#runtime/apiserver/operations.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { required } from '#runtime/base/errors.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

const hourMs = 3_600_000;
/** As kube-controller-manager: what is settled is kept for an hour, what is waiting for a day. */
const keptMs = { settled: hourMs, waiting: 24 * hourMs };

/** Removes CertificateSigningRequests that are over: nobody else does, and programs go on making them. */
export function certificateCleaner(options: {
  readonly operations: Operations;
  readonly cache: WatchCache;
  readonly clock: Clock;
}): LifecycleTask {
  const { cache, operations, clock } = options;
  return {
    name: 'certificate-cleaner',
    workers: 1,
    resync: (queue) => {
      for (const { name } of cache.list(requestCollection)) queue.add(name, 'later');
    },
    observe: ({ type, current }, queue) => {
      if (current.collection === requestCollection && type !== 'deleted') queue.add(current.name);
    },
    work: async (name, queue) => {
      const request = cache.get(requestCollection, '', name)?.object;
      if (request === undefined) return;
      const remainingMs = endOf(request) - clock.now();
      if (remainingMs > 0) queue.addAfter(name, remainingMs);
      else {
        const resource = required(operations.resource(requestGroup, requestResource), 'the resource of requests');
        const { uid, resourceVersion } = request.metadata;
        const preconditions = {
          ...(uid === undefined ? {} : { uid }),
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
        };
        await operations.delete(resource, { namespace: '', name }, { preconditions });
      }
    },
  };
}

/** Until when a request is kept, in epoch ms. */
function endOf(request: KubeObject): number {
  const isIssued = textAt(request, 'status', 'certificate') !== '';
  const verdict = conditionsOf(request).find(({ type }) => ['Approved', 'Denied', 'Failed'].includes(type ?? ''));
  const isSettled = verdict !== undefined && (isIssued || verdict.type !== 'Approved');
  const since = Date.parse(verdict?.lastUpdateTime ?? request.metadata.creationTimestamp ?? '');
  return since + (isSettled ? keptMs.settled : keptMs.waiting);
}
