import { lstatSync } from 'node:fs';

/**
 * Remembers what this host object itself wrote or removed below watched directories, so that a watch tells only of what others did.
 * Holds one short text per path that was written since the watch began.
 */
export interface OwnWrites {
  /** Starts remembering for a directory. */
  cover(directory: string): void;
  uncover(directory: string): void;
  /** To be called after a write, a removal or a rename of `path`. */
  record(path: string): void;
  /** True when `path` is now what we last made of it. */
  isOwn(path: string): boolean;
}

/** A fresh memory without covered directories. */
export function createOwnWrites(): OwnWrites {
  const covered = new Map<string, number>();
  const made = new Map<string, string>();
  const isCovered = (path: string): boolean => {
    for (const directory of covered.keys()) if (path.startsWith(`${directory}/`)) return true;
    return false;
  };
  return {
    cover: (directory) => void covered.set(directory, (covered.get(directory) ?? 0) + 1),
    uncover: (directory) => {
      const left = (covered.get(directory) ?? 1) - 1;
      if (left > 0) covered.set(directory, left);
      else covered.delete(directory);
      for (const path of made.keys()) if (!isCovered(path)) made.delete(path);
    },
    record: (path) => {
      if (isCovered(path)) made.set(path, signatureOf(path));
    },
    isOwn: (path) => made.get(path) === signatureOf(path),
  };
}

/** Changes with every replacement, edit, chmod and chown. */
function signatureOf(path: string): string {
  const stat = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? 'absent' : `${stat.ino}:${stat.ctimeNs}:${stat.size}`;
}
