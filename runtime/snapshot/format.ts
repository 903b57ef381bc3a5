import { RefusedError } from '#runtime/base/errors.ts';

/**
 * A snapshot of the store as a file:
 *
 *     wcp360-snapshot 1
 *     {"revision":…,"takenAt":…}                            the header
 *     {"key":"/registry/core/configmaps/a/b","bytes":123}   of each object in the order of keys,
 *     …123 bytes…                                           its value as the store has it: Secrets encrypted
 *     {"objects":…,"kinds":{…},"encryptionKeys":[…]}        the end
 *     sha256 …                                              over everything above this line
 *
 * Each line, and each value, ends with a line feed. It is written and read as a stream, an object at a time.
 */
export const firstLine = 'wcp360-snapshot 1';

export interface SnapshotHeader {
  /** All objects are as they were at this revision of the store. */
  readonly revision: number;
  /** RFC 3339. */
  readonly takenAt: string;
}

export interface SnapshotEntry {
  readonly key: string;
  readonly value: Buffer;
}

export interface SnapshotEnd {
  readonly objects: number;
  /** How many objects of each kind, by `<group>/<resource>` as in keys. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Which keys opened the encrypted values: `<id> (<fingerprint>)`. */
  readonly encryptionKeys: readonly string[];
}

/** What a whole and undamaged snapshot tells of itself. */
export interface SnapshotSummary extends SnapshotHeader, SnapshotEnd {
  readonly bytes: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/** No value in a store is as long (`transactionLimitBytes`), and no line. */
export const longestPartBytes = 2 ** 21;

/** `<group>/<resource>` of `/registry/<group>/<resource>/…`. */
export function kindOfKey(key: string): string {
  return key.split('/', 4).slice(2).join('/');
}

export function damaged(message: string, options?: ErrorOptions): RefusedError {
  return new RefusedError('SnapshotDamaged', message, options);
}
