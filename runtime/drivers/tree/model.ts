import type { Action } from '#runtime/plan/plan.ts';

/** What of a tenant's tree belongs to one owner. Paths are relative to the host's root. */
export interface Tree {
  /** path → ownership; parents before children by order of path. */
  readonly directories: ReadonlyMap<string, { readonly mode: number; readonly uid: number; readonly gid: number }>;
  /**
   * Directories moved aside on deletion: where from → where they are kept. Brought back by wanting the directory again. Only the owner of a directory
   * moves it; any other who wants it kept (its RetainedData) merely notes where it is, so as to purge it one day.
   */
  readonly kept: ReadonlyMap<string, string>;
}

/** Whose a directory is; `path` is relative to the host's root. */
export interface OwnedDirectory {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** `owner` is the `ownerId` under which the driver notes what it made. */
export type TreeAction =
  /** `inside`: directories made along with it when it is new. In a directory of the tenant it is the tenant who makes it. */
  | Action<
      'tree',
      'make-directory',
      OwnedDirectory & { readonly owner: string; readonly inside: readonly OwnedDirectory[] }
    >
  | Action<'tree', 'keep-directory', { readonly path: string; readonly keptAt: string; readonly owner: string }>
  | Action<'tree', 'bring-back', { readonly path: string; readonly keptAt: string; readonly owner: string }>
  /** Of a directory in place or of kept data. */
  | Action<'tree', 'purge-directory', { readonly path: string; readonly owner: string }>;
