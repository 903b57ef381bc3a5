import { quotaKeeperOf } from '#runtime/apiserver/admission/quota/keeper.ts';
import type { Aggregation } from '#runtime/apiserver/aggregation/aggregation.ts';
import { apiServiceAvailability } from '#runtime/apiserver/aggregation/availability.ts';
import type { FrontProxy } from '#runtime/apiserver/auth/front-proxy.ts';
import type { TokenIssuer } from '#runtime/apiserver/auth/tokens/issuer.ts';
import type { Operations } from '#runtime/apiserver/operations.ts';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { Wcp360Error } from '#runtime/base/errors.ts';
import type { PemPair } from '#runtime/pki/pair.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { aggregatedRoles } from './aggregated-roles.ts';
import { certificateCleaner } from './certificates/cleaner.ts';
import { certificateSigner } from './certificates/signer.ts';
import { definitionDeletion } from './definitions.ts';
import { garbageCollection } from './garbage-collection/task.ts';
import { runTask, type LifecycleTask, type RunningTask } from './loop.ts';
import { namespaceDefaults } from './namespaces/defaults.ts';
import { namespaceDeletion } from './namespaces/task.ts';
import { quotaUsage } from './quota-usage.ts';
import { tokenSecrets } from './token-secrets.ts';

export interface LifecycleOptions {
  readonly operations: Operations;
  readonly cache: WatchCache;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
  /** Fills token Secrets; without it they stay empty. */
  readonly tokens?: TokenIssuer;
  /** PEM of the CA behind the server's certificate, for `kube-root-ca.crt`. */
  readonly rootCertificates?: string;
  /** Issues client certificates; without it none are. */
  readonly clientAuthority?: PemPair;
  /** Other servers are looked after; without it nobody looks at APIServices. */
  readonly aggregation?: Aggregation;
  readonly frontProxy?: FrontProxy | undefined;
}

/** Everything is looked at again after this time: what an event should have told is found all the same. */
const fullCheckMs = 10 * 60_000;
const reconnectMs = 200;

/**
 * What the server keeps true by itself: namespaces, garbage, quota usage, aggregated roles, definitions, token Secrets, certificates.
 *
 * Flow: once the cache is ready every task looks at all there is, then at what changes. All tasks are level-based, so the process may die at any point and go
 * on at the next start. Several servers may run them at once: each step is conditional on what it read.
 * Resolves when `signal` has aborted and the last step is done.
 */
export async function startLifecycle(options: LifecycleOptions): Promise<void> {
  const { cache, log, signal, clock = systemClock } = options;
  await cache.ready;
  const running = tasksOf({ ...options, clock }).map((task) => runTask(task, { log, clock, signal }));
  const checks = resyncRegularly(running, clock, signal);
  while (!signal.aborted) {
    const start = cache.revision;
    for (const { task, queue } of running) task.resync(queue);
    try {
      await followEvents(cache, running, { start, signal });
    } catch (err) {
      // Overtaken by the events or cut off: everything is looked at anew, as at the start.
      if (signal.aborted || !(err instanceof Wcp360Error)) throwUnlessAborted(err, signal);
      else log.warn({ err }, 'events lost, looking at everything again');
    }
    await clock.sleep(reconnectMs, signal).catch(() => undefined);
  }
  await Promise.all([...running.map(({ stopped }) => stopped), checks]);
}

function tasksOf(options: LifecycleOptions & { readonly clock: Clock }): readonly LifecycleTask[] {
  const { cache, operations, clock, tokens, rootCertificates, clientAuthority } = options;
  const { aggregation, frontProxy: proxy } = options;
  const keeper = quotaKeeperOf({ cache, operations, clock });
  return [
    garbageCollection(options),
    namespaceDeletion(options),
    namespaceDefaults({ cache, operations, rootCertificates }),
    quotaUsage({ cache, keeper, clock }),
    aggregatedRoles(options),
    definitionDeletion(options),
    certificateCleaner(options),
    ...(clientAuthority === undefined ? [] : [certificateSigner({ ...options, authority: clientAuthority })]),
    ...(aggregation === undefined ? [] : [apiServiceAvailability({ ...options, aggregation, proxy })]),
    ...(tokens === undefined ? [] : [tokenSecrets({ cache, operations, tokens, rootCertificates })]),
  ];
}

async function followEvents(
  cache: WatchCache,
  running: readonly RunningTask[],
  options: { readonly start: number; readonly signal: AbortSignal },
): Promise<void> {
  for await (const batch of cache.subscribe(undefined, options.start, options.signal)) {
    for (const event of batch.events) {
      for (const { task, queue } of running) task.observe(event, queue);
    }
  }
}

async function resyncRegularly(running: readonly RunningTask[], clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(fullCheckMs, signal).catch(() => undefined);
    if (!signal.aborted) for (const { task, queue } of running) task.resync(queue);
  }
}

function throwUnlessAborted(err: unknown, signal: AbortSignal): void {
  if (!signal.aborted) throw err;
}
