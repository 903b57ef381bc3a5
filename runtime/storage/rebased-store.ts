import { CompactedError } from './compacted-error.ts';
import type { Batch, Change, Entry, Precondition, Store } from './store.ts';

/**
 * The same store with all revisions higher by `base`: what a database begins with that was filled from a snapshot of another one. Nothing of
 * it can be asked for up to `base`; that history is another database's, and counts as forgotten.
 */
export function rebasedStore(store: Store, base: number): Store {
  if (base === 0) return store;
  const raised = <T extends Entry | Change>(one: T): T => ({ ...one, revision: one.revision + base });

  async function known<T>(revision: number | undefined, call: () => Promise<T>): Promise<T> {
    if (revision === undefined) return call();
    if (revision <= base) throw new CompactedError(revision);
    return call().catch((err: unknown) => {
      throw asOuter(err, revision);
    });
  }

  async function* watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<Batch> {
    if (after <= base) throw new CompactedError(after);
    try {
      for await (const { revision, changes } of store.watch(prefix, after - base, signal))
        yield { revision: revision + base, changes: changes.map(raised) };
    } catch (err) {
      throw asOuter(err, after);
    }
  }

  return {
    read: async (key, signal) => {
      const { revision, entry } = await store.read(key, signal);
      return { revision: revision + base, ...(entry !== undefined && { entry: raised(entry) }) };
    },
    range: (prefix, options = {}) =>
      known(options.revision, async () => {
        const inner = options.revision === undefined ? options : { ...options, revision: options.revision - base };
        const range = await store.range(prefix, inner);
        return { ...range, revision: range.revision + base, entries: range.entries.map(raised) };
      }),
    commit: async (transaction, signal) => {
      const outcome = await store.commit({ ...transaction, if: transaction.if.map(lowered(base)) }, signal);
      const revision = outcome.revision + base;
      if (outcome.committed) return { ...outcome, revision };
      return { ...outcome, revision, current: new Map([...outcome.current].map(([key, one]) => [key, raised(one)])) };
    },
    currentRevision: async (signal) => (await store.currentRevision(signal)) + base,
    watch,
    compact: async (revision, signal) => {
      if (revision > base) await store.compact(revision - base, signal);
    },
    close: () => store.close(),
  };
}

/** No key is at a revision of the other database: -1 is none that a key can have. */
function lowered(base: number): (condition: Precondition) => Precondition {
  return ({ key, revision }) => ({ key, revision: revision === 0 ? 0 : revision <= base ? -1 : revision - base });
}

/** Names the revision that the caller asked for. */
function asOuter(err: unknown, revision: number): unknown {
  return err instanceof CompactedError ? new CompactedError(revision, { cause: err }) : err;
}
