/** Why nothing is taken down at the moment. */
export interface Hold {
  readonly reason: string;
  readonly message: string;
}

/** What a look for orphans found: marks on this machine whose objects the store does not have. */
export interface Orphans {
  /** As `ownerId` writes them, in order. */
  readonly orphans: readonly string[];
  /** How many owners have something here, orphans included. */
  readonly owners: number;
}

/**
 * Stands between what the store says and what is taken down here: a store that was attached by mistake, or lost half of its objects, must not empty a machine
 * (design §2.7). Whoever makes the guard knows what raises the alarm and how a person lifts it; the loop only asks.
 */
export interface RemovalGuard {
  /** Set: nothing is taken down, whatever objects say. From memory; asked before every removal. */
  hold(): Hold | undefined;
  /** The server may have another store behind it now: nothing is taken down until that was looked at. */
  suspect(): void;
  /** Whether these may be taken down; no raises the alarm, and an empty list ends one. */
  releases(found: Orphans, signal: AbortSignal): Promise<boolean>;
  /** Calls back when a hold ends. */
  onLift(listener: () => void): void;
}
