import type { RunOptions, RunResult } from './host.ts';

/**
 * What reading manifests needs of a machine, as any user: directories for a while, programs, and trees that somebody else writes.
 *
 * Guarantees: nothing below a tree is reached through a link; every call is bounded in time and output; what is made here is gone afterwards.
 * "Not there" is `undefined`. Errors: HostError.
 */
export interface Workspace {
  /** As whom programs run. */
  readonly user: { readonly uid: number; readonly gid: number };
  /** Lends a fresh directory that nobody else may enter; it is removed when `use` has ended. */
  withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T>;
  /** A file in a directory that was lent, with parents that are missing; nobody else may read it. */
  placeFile(path: string, content: string): Promise<void>;
  run(argv: readonly string[], options: RunOptions, signal: AbortSignal): Promise<RunResult>;
  /** Addresses of a name by the system's resolver. */
  resolve(hostname: string, signal: AbortSignal): Promise<readonly string[]>;
  /** What a tree holds; `undefined` when there is no directory. */
  readTree(directory: string, limits: TreeLimits, signal: AbortSignal): Promise<Tree | undefined>;
  /** Calls back when something below the directory changes, until the signal aborts; returns once the watch stands. */
  watch(directory: string, onChange: () => void, signal: AbortSignal): Promise<void>;
}

/** Beyond these reading ends with a HostError. */
export interface TreeLimits {
  /** Which files are read, by their names. */
  readonly wants: (name: string) => boolean;
  readonly maxFiles: number;
  readonly maxFileBytes: number;
  readonly maxBytes: number;
}

/** Names are relative to the directory and sorted; hidden files and directories are left out. */
export interface Tree {
  readonly texts: ReadonlyMap<string, string>;
  /** Links, which are not followed. */
  readonly links: readonly string[];
}
