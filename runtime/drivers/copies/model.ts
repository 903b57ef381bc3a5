import type { TenantSeat } from '#runtime/host/tenant-processes.ts';
import type { Action } from '#runtime/plan/plan.ts';

/** Which copy of a Domain's files is taken from the host that it is on. First: while all goes on there. Last: nothing changes there any more, and nothing may differ. */
export type Pass = 'None' | 'First' | 'Last';

/** One copy of a Domain's files, wanted or found. */
export interface Copy {
  readonly pass: Pass;
  /** As whom it is taken here; absent where nothing is wanted. */
  readonly seat?: CopySeat;
  /** How far it is; only where found. */
  readonly progress?: CopyProgress;
}

/** The tenant in its Domain's directory, and the group of the web front, by which that reads files. */
export interface CopySeat extends Omit<TenantSeat, 'isReadOnly' | 'copyingGid'> {
  readonly frontGid: number;
}

export interface CopyProgress {
  /** Failed: it is begun anew by itself after a while. */
  readonly phase: 'Running' | 'Done' | 'Failed';
  /** A sentence. */
  readonly message: string;
}

/** Whose files are copied: the Domain by namespace, name and uid. */
export interface CopyKey {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export type CopyAction =
  | Action<'copies', 'start-copy', CopyKey & Required<Pick<Copy, 'pass' | 'seat'>>>
  | Action<'copies', 'delete-copy', CopyKey>;
