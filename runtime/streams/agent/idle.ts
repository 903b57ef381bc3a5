/** Calls back once nothing has moved for a while. */
export interface IdleGuard {
  readonly touch: () => void;
  end(): void;
}

/** Passes everything on, and tells the guard. */
export function noting({ touch }: IdleGuard) {
  return async function* pass(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const bytes of source) {
      touch();
      yield bytes;
    }
  };
}

export function idleGuard(idleMs: number, onIdle: () => void): IdleGuard {
  const timer = setTimeout(onIdle, idleMs);
  return { touch: () => void timer.refresh(), end: () => clearTimeout(timer) };
}
