import type { Limits } from '#runtime/host/host.ts';
import type { Action } from '#runtime/plan/plan.ts';

export type { Limits };

/** What the programs of a tenant may use together, by name of their slice. */
export type SliceLimits = ReadonlyMap<string, Limits>;

/** `owner` is the `ownerId` that the slice is marked with. */
export type SlicesAction =
  | Action<'slices', 'put-slice', { readonly name: string; readonly owner: string; readonly limits: Limits }>
  | Action<'slices', 'delete-slice', { readonly name: string }>;
