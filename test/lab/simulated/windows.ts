import type { Clock } from '#runtime/base/clock.ts';

/** So many in so long. */
export interface Limit {
  readonly count: number;
  readonly periodMs: number;
}

/** What happened under a name, as far back as its limit looks. */
export interface SlidingWindows {
  count(name: string): void;
  /** How many there were within the period that ends now. */
  size(name: string, limit: Limit): number;
  /** How long until there may be another one, in ms; 0 when there may be one now. */
  waitMs(name: string, limit: Limit): number;
}

export function createSlidingWindows(clock: Clock): SlidingWindows {
  const times = new Map<string, number[]>();
  const recent = (name: string, { periodMs }: Limit): readonly number[] => {
    const all = times.get(name) ?? [];
    const first = all.findIndex((time) => time > clock.now() - periodMs);
    all.splice(0, first < 0 ? all.length : first);
    return all;
  };
  return {
    count: (name) => void times.set(name, [...(times.get(name) ?? []), clock.now()]),
    size: (name, limit) => recent(name, limit).length,
    waitMs: (name, limit) => {
      const oldest = recent(name, limit).at(-limit.count);
      return oldest === undefined ? 0 : oldest + limit.periodMs - clock.now();
    },
  };
}
