import type { HostCharges } from '#controllers/host-rights.ts';

/** What the leader knows about a Host; plain data, so that a golden case can state it. */
export interface HostClusterInputs {
  /** The agent: never there, heard of lately, or not any more. */
  readonly agent: 'Absent' | 'Alive' | 'Silent';
  readonly charges: HostCharges;
  /** What it is to serve of the platform's own, or why that cannot be; absent unless that is asked for. */
  readonly panel?: PanelInputs;
  /** How far the host is emptied; absent unless that is asked for. */
  readonly drain?: {
    /** Tenants that are on it, or have left something there. */
    readonly left: number;
    /** Those that cannot go, by name. */
    readonly stuck: readonly string[];
    /** Kept data that stays on its disk. */
    readonly kept: number;
  };
}

export interface PanelInputs {
  /** Empty while there is no such Secret. */
  readonly secretVersion: string;
  /** A tenant that has the name. */
  readonly heldBy?: string;
}
