import type { HostCharges } from '#controllers/host-rights.ts';

/** What the leader knows about a Host; plain data, so that a golden case can state it. */
export interface HostClusterInputs {
  /** The agent: never there, heard of lately, or not any more. */
  readonly agent: 'Absent' | 'Alive' | 'Silent';
  readonly charges: HostCharges;
}
