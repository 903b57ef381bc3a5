/** Lets a few work at once. */
export interface Turns {
  /** What the work gives. Rejects with the signal's reason when it aborts before the turn has come. */
  take<R>(work: () => Promise<R>, signal: AbortSignal): Promise<R>;
}

/** `atOnce` may work at a time; others wait, in order. */
export function createTurns(atOnce: number): Turns {
  const waiting = new Set<() => void>();
  let free = atOnce;
  const enter = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (free > 0) return void (free -= 1);
    await new Promise<void>((resolve, reject) => {
      const goOn = (): void => (signal.removeEventListener('abort', giveUp), resolve());
      const giveUp = (): void => (waiting.delete(goOn), reject(signal.reason as Error));
      waiting.add(goOn);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  };
  const leave = (): void => {
    const [next] = waiting;
    if (next === undefined) return void (free += 1);
    waiting.delete(next);
    next();
  };
  return {
    take: async (work, signal) => {
      await enter(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
