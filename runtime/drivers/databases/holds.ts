/** What is done with things, by key, while something else waits for its end. */
export interface Holds {
  /** Resolves when what holds it by now has ended, well or not. */
  free(key: string): Promise<void>;
  /** Holds it until `work` has ended, with which it resolves or rejects. */
  during(key: string, work: () => Promise<void>): Promise<void>;
}

export function createHolds(): Holds {
  const held = new Map<string, Promise<unknown>>();
  return {
    free: async (key) => void (await held.get(key)),
    during: async (key, work) => {
      const done = work();
      const all = Promise.allSettled([held.get(key), done]);
      held.set(key, all);
      try {
        await done;
      } finally {
        if (held.get(key) === all) held.delete(key);
      }
    },
  };
}
