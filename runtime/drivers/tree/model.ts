import type { Action } from '#runtime/plan/plan.ts';

/** What of a tenant's tree belongs to one owner. Paths are relative to the host's root. */
export interface Tree {
  /** path → ownership; parents before children by order of path. */
  readonly directories: ReadonlyMap<string, { readonly mode: number; readonly uid: number; readonly gid: number }>;
  /** Directories moved aside on deletion: where from → where they are kept. Brought back by wanting the directory again. */
  readonly kept: ReadonlyMap<string, string>;
}

export type TreeAction =
  | Action<
      'tree',
      'make-directory',
      { readonly path: string; readonly mode: number; readonly uid: number; readonly gid: number }
    >
  | Action<'tree', 'keep-directory', { readonly path: string; readonly keptAt: string }>
  | Action<'tree', 'bring-back', { readonly path: string; readonly keptAt: string }>
  | Action<'tree', 'purge-directory', { readonly path: string }>;
