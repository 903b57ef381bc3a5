import type { Clock } from '#runtime/base/clock.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import type { Entry, Outcome, Range, RangeOptions, Store, Transaction } from '#runtime/storage/store.ts';
import { applyTransaction } from './apply-transaction.ts';
import { createChangeFeed } from './change-feed.ts';
import { createVersions, type Versions } from './versions.ts';

/**
 * A store in this process, for tests and trials: it forgets everything when the process ends. Keeps the whole contract, with history until
 * it is compacted. Values with a time to live go by `clock`.
 */
export function openMemoryStore(options: { readonly clock?: Clock } = {}): Store {
  const { clock = systemClock } = options;
  const versions = createVersions();
  const feed = createChangeFeed(versions);
  const closed = new AbortController();

  function apply(transaction: Transaction): Outcome {
    const outcome = applyTransaction(versions, transaction);
    if (!outcome.committed) return outcome;
    for (const { key, ttlSeconds } of transaction.put ?? [])
      if (ttlSeconds !== undefined) expireLater(key, outcome.revision, ttlSeconds);
    feed.wake();
    return outcome;
  }

  function expireLater(key: string, revision: number, ttlSeconds: number): void {
    clock.sleep(ttlSeconds * 1_000, closed.signal).then(
      () => void apply({ if: [{ key, revision }], delete: [key] }),
      () => undefined,
    );
  }

  /** Answers as a database across a network would: later, and not when aborted or closed. */
  async function answer<T>(signal: AbortSignal | undefined, call: () => T): Promise<T> {
    await Promise.resolve();
    signal?.throwIfAborted();
    if (closed.signal.aborted) throw new HostError('the store is closed');
    return call();
  }

  return {
    read: (key, signal) => answer(signal, () => readKey(versions, key)),
    range: (prefix, rangeOptions) => answer(rangeOptions?.signal, () => readRange(versions, prefix, rangeOptions)),
    commit: (transaction, signal) => answer(signal, () => apply(transaction)),
    currentRevision: (signal) => answer(signal, () => versions.revision()),
    watch: (prefix, after, signal) => feed.watch(prefix, after, AbortSignal.any([signal, closed.signal])),
    compact: (revision, signal) =>
      answer(signal, () => {
        requireReached(versions, revision);
        versions.compact(revision);
      }),
    close: () => Promise.resolve(closed.abort()),
  };
}

function readKey(versions: Versions, key: string): { readonly revision: number; readonly entry?: Entry } {
  const revision = versions.revision();
  const entry = versions.at(key, revision);
  return entry === undefined ? { revision } : { revision, entry };
}

function readRange(versions: Versions, prefix: string, options: RangeOptions = {}): Range {
  const revision = options.revision ?? versions.revision();
  requireReached(versions, revision);
  if (revision < versions.compacted()) throw new CompactedError(revision);
  const all = versions.below(prefix, revision, options.after);
  const entries = options.limit === undefined ? all : all.slice(0, options.limit);
  return { revision, entries, remaining: all.length - entries.length };
}

function requireReached(versions: Versions, revision: number): void {
  if (revision > versions.revision()) throw new HostError('the store has not reached that revision yet');
}
