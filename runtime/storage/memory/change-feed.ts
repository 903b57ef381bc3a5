import { CompactedError } from '#runtime/storage/compacted-error.ts';
import type { Batch } from '#runtime/storage/store.ts';
import type { Versions } from './versions.ts';

/** Watches over a history in memory. */
export interface ChangeFeed {
  /** Something was appended. */
  wake(): void;
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<Batch>;
}

/** Watchers read the history at their own pace; one that is overtaken by compaction gets CompactedError. */
export function createChangeFeed(versions: Versions): ChangeFeed {
  let news = Promise.withResolvers<void>();
  function wake(): void {
    news.resolve();
    news = Promise.withResolvers<void>();
  }
  async function* watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<Batch> {
    let seen = after;
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      if (seen < versions.compacted()) throw new CompactedError(seen);
      const next = news.promise;
      const revision = versions.revision();
      if (revision > seen) {
        const changes = versions.changesAfter(seen).filter((change) => change.key.startsWith(prefix));
        seen = revision;
        yield { revision, changes };
        continue;
      }
      await next;
    }
  }
  return { wake, watch };
}
