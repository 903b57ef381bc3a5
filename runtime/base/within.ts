import { HostError } from './errors.ts';

interface Bound {
  /** At most 2^31 - 1. */
  readonly longestMs: number;
  /** What is said of work that took longer. */
  readonly words: string;
}

/** Has work end when it takes too long: HostError with the words, once it has ended. */
export async function within<R>(
  { longestMs, words }: Bound,
  signal: AbortSignal,
  work: (bounded: AbortSignal) => Promise<R>,
): Promise<R> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(new HostError(words)), longestMs);
  try {
    return await work(AbortSignal.any([signal, over.signal]));
  } catch (err) {
    // How it ended is told otherwise by each.
    over.signal.throwIfAborted();
    throw err;
  } finally {
    clearTimeout(timer);
  }
}
