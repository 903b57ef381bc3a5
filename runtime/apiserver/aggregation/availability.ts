import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { frontProxyHeaders, type FrontProxy } from '#runtime/apiserver/auth/front-proxy.ts';
import { withConditions, type ConditionValue } from '#runtime/apiserver/lifecycle/conditions.ts';
import type { LifecycleTask } from '#runtime/apiserver/lifecycle/loop.ts';
import type { Operations } from '#runtime/apiserver/operations.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { ApiError, HostError, required } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { passOn } from '#runtime/relay/relay.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { Aggregation } from './aggregation.ts';
import {
  aggregatedSpecOf,
  apiServiceCollection,
  apiServiceGroup,
  backendOf,
  serviceCollection,
  type AggregatedSpec,
} from './api-services.ts';
import { resourcesOf } from './discovered-resources.ts';

export interface AvailabilityOptions {
  readonly operations: Operations;
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly aggregation: Aggregation;
  readonly proxy: FrontProxy | undefined;
  readonly signal: AbortSignal;
}

const checkTimeoutMs = 5_000;
const furtherTries = 4;
const healthyAgainMs = 30_000;
const failingAgainMs = 2_000;
/** Who the server is when it looks at another one by itself. */
const aggregator = { name: 'system:kube-aggregator', groups: ['system:masters'] } as const;

const local: ConditionValue = {
  type: 'Available',
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};
const passed: ConditionValue = { type: 'Available', status: 'True', reason: 'Passed', message: 'all checks passed' };

/** Asks the servers behind APIServices what they serve, puts it into discovery and says in the condition `Available` whether they answered. */
export function apiServiceAvailability(options: AvailabilityOptions): LifecycleTask {
  const { cache, aggregation } = options;
  return {
    name: 'api-service-availability',
    workers: 2,
    resync: (queue) => {
      for (const { name } of cache.list(apiServiceCollection)) queue.add(name, 'later');
    },
    observe: ({ type, current, previous }, queue) => {
      const { collection, namespace, name } = current;
      if (collection === apiServiceCollection) {
        // Not after each status that is written below.
        if (type === 'deleted' || !isEqual(previous?.object['spec'], current.object['spec'])) queue.add(name);
      } else if (collection === serviceCollection) {
        for (const user of usersOf(cache, namespace, name)) queue.add(user);
      }
    },
    work: async (name, queue) => {
      const object = cache.get(apiServiceCollection, '', name)?.object;
      const spec = object === undefined ? undefined : aggregatedSpecOf(object);
      if (object === undefined || spec === undefined) aggregation.discovered(name, []);
      if (object === undefined) return;
      const condition = spec === undefined ? local : await check(options, name, spec);
      await report(options, name, condition);
      if (spec !== undefined) queue.addAfter(name, condition.status === 'True' ? healthyAgainMs : failingAgainMs);
    },
  };
}

/** APIServices that name a Service. */
function usersOf(cache: WatchCache, namespace: string, name: string): readonly string[] {
  return [...cache.list(apiServiceCollection)].flatMap((each) => {
    const service = aggregatedSpecOf(each.object)?.service;
    return service?.name === name && service.namespace === namespace ? [each.name] : [];
  });
}

async function check(options: AvailabilityOptions, name: string, spec: AggregatedSpec): Promise<ConditionValue> {
  const { aggregation } = options;
  try {
    aggregation.discovered(name, resourcesOf(spec, await askAnyServer(options, spec)));
    return passed;
  } catch (err) {
    if (options.signal.aborted) throw err;
    aggregation.discovered(name, []);
    const reason = err instanceof ApiError ? 'ServiceNotFound' : 'FailedDiscoveryCheck';
    return { type: 'Available', status: 'False', reason, message: err instanceof Error ? err.message : String(err) };
  }
}

/** Behind a Service may be several servers, of which one has just died: what one connection says against it has to be said by four more. */
async function askAnyServer(options: AvailabilityOptions, spec: AggregatedSpec): Promise<unknown> {
  try {
    return await askDiscovery(options, spec);
  } catch (err) {
    const others = Array.from({ length: furtherTries }, () => askDiscovery(options, spec));
    return await Promise.any(others).catch(() => {
      throw err;
    });
  }
}

async function askDiscovery(options: AvailabilityOptions, spec: AggregatedSpec): Promise<unknown> {
  const { host, port, ...tls } = backendOf(options.cache, spec, options.proxy);
  const url = `/apis/${spec.group}/${spec.version}`;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(checkTimeoutMs)]);
  const reply = await passOn(
    { method: 'GET', url, headers: { accept: 'application/json' }, body: Readable.from([]), signal },
    {
      send: httpsRequest,
      options: { host, port, ...tls, headers: { ...frontProxyHeaders(aggregator), host: tls.servername } },
      timeoutMs: checkTimeoutMs,
    },
  );
  const { message } = reply;
  if (message.statusCode === 200) return await json(message);
  message.destroy();
  throw new HostError(`https://${host}:${port}${url} answered with ${message.statusCode ?? 0}`);
}

async function report(
  { operations, clock }: AvailabilityOptions,
  name: string,
  condition: ConditionValue,
): Promise<void> {
  const resource = required(operations.resource(apiServiceGroup, 'apiservices'), 'the resource apiservices');
  const change = (live: Parameters<typeof withConditions>[0]) => withConditions(live, [condition], clock.now());
  await operations.mutate(resource, { namespace: '', name }, change, { subresource: 'status' });
}
