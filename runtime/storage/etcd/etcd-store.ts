import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import type { Store } from '#runtime/storage/store.ts';
import { commit } from './commit.ts';
import { connectEtcd, type EtcdConnection } from './connection.ts';
import type { EtcdOptions } from './options.ts';
import { createLeasePool } from './lease-pool.ts';
import { askRevision } from './member.ts';
import { readKey, readRange } from './range.ts';
import { watchPrefix } from './watch-prefix.ts';

const dialBackoff: Backoff = { firstMs: 20, maxMs: 500, factor: 2, jitterRatio: 0.2 };

/**
 * A store on an etcd cluster (3.4 or later). Resolves when etcd has answered once; HostError when it does not within `dialTimeoutMs`.
 * Closing it ends its watches.
 */
export async function openEtcdStore(options: EtcdOptions): Promise<Store> {
  const etcd = connectEtcd(options, systemClock);
  const leases = createLeasePool(etcd, systemClock);
  const closed = new AbortController();
  try {
    await awaitAnswer(etcd, options.dialTimeoutMs ?? 10_000);
  } catch (err) {
    etcd.close();
    throw err;
  }
  return {
    read: (key, signal) => readKey(etcd, key, signal),
    range: (prefix, rangeOptions) => readRange(etcd, prefix, rangeOptions),
    commit: (transaction, signal) => commit(etcd, leases, transaction, signal),
    currentRevision: (signal) => currentRevision(etcd, signal),
    watch: (prefix, after, signal) =>
      watchPrefix(etcd, systemClock, { prefix, after }, AbortSignal.any([signal, closed.signal])),
    compact: (revision, signal) => compact(etcd, revision, signal),
    close: async () => {
      closed.abort();
      etcd.close();
      return Promise.resolve();
    },
  };
}

async function awaitAnswer(etcd: EtcdConnection, dialTimeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(dialTimeoutMs);
  let last: unknown;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      await currentRevision(etcd, signal);
      return;
    } catch (err) {
      last = signal.aborted ? (last ?? err) : err;
    }
    await systemClock.sleep(backoffMs(dialBackoff, attempt), signal).catch(() => undefined);
  }
  throw new HostError(`etcd did not answer within ${dialTimeoutMs} ms`, { program: 'etcd' }, { cause: last });
}

async function currentRevision(etcd: EtcdConnection, signal?: AbortSignal): Promise<number> {
  return etcd.repeated('range', askRevision, signal);
}

async function compact(etcd: EtcdConnection, revision: number, signal?: AbortSignal): Promise<void> {
  try {
    await etcd.once('compact', ({ kv }, bounds) => kv.compact({ revision }, bounds), signal);
  } catch (err) {
    if (!(err instanceof CompactedError)) throw err;
  }
}
