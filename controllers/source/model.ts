import type { Source } from '#schemas/v1alpha1/source.ts';
import type { SourceReason } from './reasons.ts';

/** What is to be looked at, and what is to be done with what is found: all of a Source that matters for that. */
export interface SourceOrder extends Pick<Source['spec'], 'git' | 'directory' | 'prune' | 'serviceAccountName'> {
  readonly generation: number;
  /** Somebody asked for a look. */
  readonly request?: string;
  /** Somebody confirmed a removal, by the word that names it. */
  readonly confirmation?: string;
}

type Status = NonNullable<Source['status']>;

/** What is known of a Source after a look; what its status shows. */
export interface SourceReport extends Pick<
  Status,
  'revision' | 'attemptedRevision' | 'lastAppliedTime' | 'changes' | 'drift' | 'faults'
> {
  readonly inventory: readonly string[];
  readonly reason: SourceReason;
  readonly message: string;
}

/** The one thing that a Source is in the world: looked at, not longer ago than it asks for. */
export interface SourceWork {
  readonly order: SourceOrder;
  /** Wanted: no earlier than this. Found: when it was. Milliseconds since the epoch. */
  readonly lookedAtMs: number;
  /** Only of what was found. */
  readonly report?: SourceReport;
}

/** `undefined`: nobody looks. */
export type SourceState = SourceWork | undefined;

/** The part of a report that stays while nothing is applied. */
export type Standing = Pick<
  SourceReport,
  'revision' | 'lastAppliedTime' | 'changes' | 'inventory' | 'drift' | 'faults' | 'attemptedRevision'
>;

/** What the status says that stands. */
export function standingOf({ status }: Source): Standing {
  const { revision, attemptedRevision, lastAppliedTime, changes, drift, faults, inventory = [] } = status ?? {};
  return {
    inventory,
    ...(revision !== undefined && { revision }),
    ...(attemptedRevision !== undefined && { attemptedRevision }),
    ...(lastAppliedTime !== undefined && { lastAppliedTime }),
    ...(changes !== undefined && { changes }),
    ...(drift !== undefined && { drift }),
    ...(faults !== undefined && { faults }),
  };
}
