/** Runs actions of one name one after the other; those of different names do not wait for each other. */
export type Serial = <T>(name: string, action: () => Promise<T>) => Promise<T>;

export function createSerial(): Serial {
  const tails = new Map<string, Promise<void>>();
  return (name, action) => {
    const run = (tails.get(name) ?? Promise.resolve()).then(action);
    // A failure is the caller's; whoever comes next starts all the same.
    const tail = run.then(
      () => undefined,
      () => undefined,
    );
    tails.set(name, tail);
    void tail.then(() => {
      if (tails.get(name) === tail) tails.delete(name);
    });
    return run;
  };
}
