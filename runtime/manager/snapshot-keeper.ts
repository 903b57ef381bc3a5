import type { Action } from '#runtime/plan/plan.ts';
import type { AnyDriver } from './controller.ts';

/**
 * What a driver found, kept from one look to the next: a full pass over objects that are as they should be asks the world nothing.
 *
 * Guarantees: one `observe` at a time, shared by all who wait; a look that began before a change ended is not kept.
 */
export interface SnapshotKeeper {
  /** The snapshot, looking if there is none. */
  get(): unknown;
  /** The snapshot if there is one. */
  peek(): unknown;
  /** These actions took effect. */
  applied(actions: readonly Action[]): void;
  /** Whatever is known may be wrong. */
  invalidate(): void;
}

/** Looks are repeated when something changed meanwhile, but not for ever: then the result is used once and not kept. */
const looks = 3;

export function createSnapshotKeeper<W>(driver: AnyDriver<W>, observe: () => Promise<unknown>): SnapshotKeeper {
  let snapshot: unknown;
  let version = 0;
  let looking: Promise<unknown> | undefined;
  const look = async (): Promise<unknown> => {
    try {
      for (let left = looks; ; left--) {
        const before = version;
        const found = await observe();
        if (before === version) snapshot = found;
        if (before === version || left <= 1) return found;
      }
    } finally {
      looking = undefined;
    }
  };
  return {
    get: () => snapshot ?? (looking ??= look()),
    peek: () => snapshot,
    applied: (actions) => {
      version += 1;
      if (snapshot === undefined) return;
      const next: unknown = driver.advance?.(snapshot, actions);
      snapshot = next;
    },
    invalidate: () => {
      version += 1;
      snapshot = undefined;
    },
  };
}
