import { ApiError } from '#runtime/base/errors.ts';

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Lets readers wait until a revision has been reached. */
export interface RevisionGate {
  /** The last revision that was reached. */
  revision(): number;
  /** Lets everybody in who waits for `revision` or less. */
  reach(revision: number): void;
  wait(revision: number, options?: WaitOptions): Promise<void>;
  /** Sends everybody away with `reason`, now and later. */
  close(reason: Error): void;
}

interface Waiter {
  readonly revision: number;
  readonly settle: (err?: unknown) => void;
}

const defaultTimeoutMs = 3_000;

/** A gate at revision 0. */
export function createRevisionGate(): RevisionGate {
  let reached = 0;
  let closed: Error | undefined;
  // In order of revision, which is nearly always the order of arrival.
  const waiters: Waiter[] = [];

  function add(waiter: Waiter): void {
    const index = waiters.findLastIndex((other) => other.revision <= waiter.revision);
    waiters.splice(index + 1, 0, waiter);
  }

  function remove(waiter: Waiter): void {
    const index = waiters.indexOf(waiter);
    if (index !== -1) waiters.splice(index, 1);
  }

  return {
    revision: () => reached,
    reach: (revision) => {
      reached = Math.max(reached, revision);
      const waiting = waiters.findIndex((waiter) => waiter.revision > reached);
      for (const waiter of waiters.splice(0, waiting === -1 ? waiters.length : waiting)) waiter.settle();
    },
    wait: async (revision, { timeoutMs = defaultTimeoutMs, signal } = {}) => {
      signal?.throwIfAborted();
      if (closed !== undefined) throw closed;
      if (revision <= reached) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter: Waiter = { revision, settle: (err) => (err === undefined ? resolve() : reject(asError(err))) };
      const onAbort = (): void => waiter.settle(signal?.reason);
      const timer = setTimeout(() => waiter.settle(tooLargeRevision(revision, reached)), timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      add(waiter);
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        remove(waiter);
      }
    },
    close: (reason) => {
      closed = reason;
      for (const waiter of waiters.splice(0)) waiter.settle(reason);
    },
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** Clients know this answer by its cause, and list again without a revision (client-go, reflector). */
function tooLargeRevision(revision: number, current: number): ApiError {
  return new ApiError(504, 'Timeout', `Too large resource version: ${revision}, current: ${current}`, {
    retryAfterSeconds: 1,
    causes: [{ field: '', reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
  });
}
