/** Calls back once nothing has moved for a while. */
export interface IdleGuard {
  readonly touch: () => void;
  /** Whether it has called back. */
  readonly isOver: () => boolean;
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
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    onIdle();
  }, idleMs);
  return { touch: () => void timer.refresh(), isOver: () => isOver, end: () => clearTimeout(timer) };
}
