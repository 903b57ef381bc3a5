import type { Writer } from '#runtime/manifests/apply.ts';

/** Flags of commands that apply. */
export interface WriterOptions {
  readonly fieldManager?: string;
  readonly forceConflicts?: boolean;
}

/** In whose name a command writes. */
export function writerOf({ fieldManager, forceConflicts }: WriterOptions): Writer {
  return { fieldManager: fieldManager ?? 'wcpctl', force: forceConflicts ?? false };
}
