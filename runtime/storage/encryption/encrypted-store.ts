import { collectionPrefix } from '#runtime/storage/object-key.ts';
import type { Batch, Entry, Outcome, Store, Transaction } from '#runtime/storage/store.ts';
import type { EncryptionKey, EncryptionKeys } from './encryption-keys.ts';
import { isSealed, open, seal } from './seal.ts';

export interface OpenerOptions {
  readonly keys: readonly EncryptionKey[];
  /** Values below these are encrypted; the Secrets by default. */
  readonly prefixes?: readonly string[];
  /** Read values that were written before there was encryption; rewrite them, then leave this out. */
  readonly acceptPlain?: boolean;
}

export interface EncryptionOptions extends OpenerOptions {
  readonly keys: EncryptionKeys;
}

const secretPrefixes: readonly string[] = [collectionPrefix('core/secrets')];

const isBelow = (prefixes: readonly string[], key: string): boolean =>
  prefixes.some((prefix) => key.startsWith(prefix));

/** Gives the plain value of what stands under a key at rest; RefusedError when it does not open. */
export function createOpener(options: OpenerOptions): (key: string, value: Buffer) => Buffer {
  const { keys, prefixes = secretPrefixes, acceptPlain = false } = options;
  return (key, value) => {
    if (!isBelow(prefixes, key) || (acceptPlain && !isSealed(value))) return value;
    return open(keys, key, value);
  };
}

/**
 * The same store, in which the values below some prefixes are encrypted at rest (AES-256-GCM, bound to their key). Whoever reads through it
 * sees plain values. A value that does not open makes the whole read or watch reject with RefusedError: a missing key must not
 * look like a missing Secret.
 */
export function encryptedStore(store: Store, options: EncryptionOptions): Store {
  const { keys, prefixes = secretPrefixes } = options;
  const plain = createOpener(options);
  const isSecret = (key: string): boolean => isBelow(prefixes, key);

  function plainEntry(entry: Entry): Entry {
    return isSecret(entry.key) ? { ...entry, value: plain(entry.key, entry.value) } : entry;
  }

  async function* watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<Batch> {
    for await (const batch of store.watch(prefix, after, signal)) {
      const changes = batch.changes.map((change) =>
        change.value === undefined || !isSecret(change.key)
          ? change
          : { ...change, value: plain(change.key, change.value) },
      );
      yield { revision: batch.revision, changes };
    }
  }

  function sealed(transaction: Transaction): Transaction {
    const puts = transaction.put;
    if (puts === undefined || !puts.some(({ key }) => isSecret(key))) return transaction;
    const put = puts.map((one) => (isSecret(one.key) ? { ...one, value: seal(keys, one.key, one.value) } : one));
    return { ...transaction, put };
  }

  function plainOutcome(outcome: Outcome): Outcome {
    if (outcome.committed) return outcome;
    const current = new Map([...outcome.current].map(([key, entry]) => [key, plainEntry(entry)]));
    return { ...outcome, current };
  }

  return {
    read: async (key, signal) => {
      const { revision, entry } = await store.read(key, signal);
      return entry === undefined ? { revision } : { revision, entry: plainEntry(entry) };
    },
    range: async (prefix, rangeOptions) => {
      const range = await store.range(prefix, rangeOptions);
      return { ...range, entries: range.entries.map(plainEntry) };
    },
    commit: async (transaction, signal) => plainOutcome(await store.commit(sealed(transaction), signal)),
    currentRevision: (signal) => store.currentRevision(signal),
    watch,
    compact: (revision, signal) => store.compact(revision, signal),
    close: () => store.close(),
  };
}
