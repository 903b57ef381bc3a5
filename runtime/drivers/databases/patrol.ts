import { isEqual } from '#runtime/base/json.ts';
import type { Clock } from '#runtime/base/clock.ts';
import type { DatabaseSizes } from './sizes.ts';
import { databasesOf, type DatabasesSnapshot } from './snapshot.ts';

interface PatrolOptions {
  /** Where sizes are noted. */
  readonly sizes: DatabaseSizes;
  /** From one look to the next; longer where a look takes long. */
  readonly everyMs: number;
  readonly clock: Clock;
}

/** Looking at servers from time to time, for what nobody tells. */
export interface Patrol extends PatrolOptions {
  /** For whom something was done since the last look, by the driver of a server. */
  acted(driver: string): Set<string>;
  /** Notes that a login dumps a database, until what this gives is called: that may take longer than its statements. */
  dumping(driver: string, login: string): () => void;
  /** Logins that dump one now. */
  dumpers(driver: string): readonly string[];
}

export function createPatrol(options: PatrolOptions): Patrol {
  const acted = new Map<string, Set<string>>();
  const dumps = new Set<{ readonly driver: string; readonly login: string }>();
  return {
    ...options,
    acted: (driver) => {
      const owners = acted.get(driver) ?? new Set();
      acted.set(driver, owners);
      return owners;
    },
    dumping: (driver, login) => {
      const dump = { driver, login };
      dumps.add(dump);
      return () => void dumps.delete(dump);
    },
    dumpers: (driver) => [...dumps].filter((dump) => dump.driver === driver).map(({ login }) => login),
  };
}

/** Owners for whom something on the server is not what it was: by us, or by others, whose changes nobody else tells. */
export function changedOwners(before: DatabasesSnapshot, after: DatabasesSnapshot): readonly string[] {
  const owners = [before, after].flatMap(({ databases, logins }) => [
    ...databases.byOwner.keys(),
    ...logins.byOwner.keys(),
  ]);
  return [...new Set(owners)].filter((owner) => !isSame(databasesOf(before, owner), databasesOf(after, owner)));
}

type State = ReturnType<typeof databasesOf>;

function isSame(one: State, other: State): boolean {
  return (
    isEqual(Object.fromEntries(one.databases), Object.fromEntries(other.databases)) &&
    isEqual(Object.fromEntries(one.logins), Object.fromEntries(other.logins))
  );
}

/** Of the time, at most so much goes into looking. */
const longestShare = 0.05;

/** Calls `look` again and again until the signal aborts. Rejects with what a look rejects with. */
export async function goRounds(
  { everyMs, clock }: Patrol,
  look: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const begunAt = performance.now();
    await look();
    const tookMs = performance.now() - begunAt;
    await clock.sleep(Math.max(everyMs, tookMs / longestShare - tookMs), signal).catch(() => undefined);
  }
}
