/** Calls back once nothing has moved for a while. */
export interface IdleGuard {
  readonly touch: () => void;
  end(): void;
}

export function idleGuard(idleMs: number, onIdle: () => void): IdleGuard {
  const timer = setTimeout(onIdle, idleMs);
  return { touch: () => void timer.refresh(), end: () => clearTimeout(timer) };
}
