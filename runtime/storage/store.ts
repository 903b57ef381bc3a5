/**
 * The whole of what we ask of a database: a revisioned key-value store with compare-and-commit and a watch.
 *
 * Guarantees: revisions are positive, grow with every commit and are shared by all keys; a commit is atomic; `watch` delivers every
 * change after its start exactly once, in revision order, and never splits the changes of one revision over two batches.
 * Keys are in the order of their UTF-8 bytes. Buffers handed out are the reader's to keep, never to change.
 * Errors: HostError when the store is out of reach or the outcome is unknown (read again before deciding); CompactedError from reads and
 * watches of revisions that are gone; ApiError 413 for a transaction above `transactionLimitBytes`; the signal's reason when aborted
 * (a commit that was aborted may still happen).
 */
export interface Store {
  /** One key, linearizable. `revision` is the store's current one. */
  read(key: string, signal?: AbortSignal): Promise<{ readonly revision: number; readonly entry?: Entry }>;
  /** Keys below `prefix` in byte order, all of one revision. */
  range(prefix: string, options?: RangeOptions): Promise<Range>;
  /** Commits when every condition holds; otherwise tells what stands there instead. Never repeated by itself. A key is written once at most. */
  commit(transaction: Transaction, signal?: AbortSignal): Promise<Outcome>;
  /** The current revision, linearizable, in one cheap call. */
  currentRevision(signal?: AbortSignal): Promise<number>;
  /**
   * All changes below `prefix` after revision `after`; empty batches are progress. Ends when `signal` aborts; resumes by itself over lost
   * connections. CompactedError when changes after `after` may have been forgotten, at the start or after a long interruption.
   */
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<Batch>;
  /** Forgets history before `revision`, whose own state can still be read. Does nothing when that much is forgotten already. */
  compact(revision: number, signal?: AbortSignal): Promise<void>;
  /** Ends watches and frees connections. Calls after it reject. */
  close(): Promise<void>;
}

/** What one transaction may weigh, keys and values together (etcd's `--max-request-bytes`). */
export const transactionLimitBytes = 1_572_864;

export interface Entry {
  readonly key: string;
  readonly value: Buffer;
  /** Revision of the last change of this key. */
  readonly revision: number;
  /** Was put with a time to live, and goes by itself. */
  readonly expires: boolean;
}

export interface RangeOptions {
  /** Most entries to return; all when absent. */
  readonly limit?: number;
  /** Only keys after this one. */
  readonly after?: string;
  /** Read as of this revision; the current one when absent. */
  readonly revision?: number;
  readonly signal?: AbortSignal;
}

export interface Range {
  /** The revision that was asked for, or the current one. */
  readonly revision: number;
  readonly entries: readonly Entry[];
  /** Entries in the range beyond those returned. */
  readonly remaining: number;
}

/** The key must be at this revision; 0 means that it must not exist. */
export interface Precondition {
  readonly key: string;
  readonly revision: number;
}

export interface Transaction {
  readonly if: readonly Precondition[];
  /** `ttlSeconds` is the least time that the value stays; it goes soon after, together with others of its age. A put without it stays. */
  readonly put?: readonly { readonly key: string; readonly value: Buffer; readonly ttlSeconds?: number }[];
  /** Deleting what is not there is no change. */
  readonly delete?: readonly string[];
}

export type Outcome =
  /** `revision` is that of the commit. */
  | { readonly committed: true; readonly revision: number }
  /** `current` holds each key of the conditions as it is now; an absent key is not in it. */
  | { readonly committed: false; readonly revision: number; readonly current: ReadonlyMap<string, Entry> };

export interface Change {
  readonly key: string;
  readonly revision: number;
  /** The new value; `undefined` when the key was deleted. */
  readonly value: Buffer | undefined;
}

/** All changes up to and including `revision`. */
export interface Batch {
  readonly revision: number;
  readonly changes: readonly Change[];
}
