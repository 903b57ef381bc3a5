import type { ApiError } from '#runtime/base/errors.ts';

/** Reads a body until the signal, if there is one, aborts; rejects with its reason then. */
export type ReadBody<T> = (signal?: AbortSignal) => Promise<T>;

/**
 * Bounds the bodies that are on their way, each of which may take a minute. Nobody is refused: when all places are taken, the user who has most of them
 * loses the oldest one, whose request is answered with `lost()`. So slow senders are in the way of each other only.
 */
export function createBodyPlaces(
  limit: number,
  lost: () => ApiError,
): <T>(user: string, read: ReadBody<T>) => Promise<T> {
  const byUser = new Map<string, Set<AbortController>>();
  let total = 0;

  const enter = (user: string, body: AbortController): void => {
    total += 1;
    byUser.set(user, (byUser.get(user) ?? new Set()).add(body));
  };
  const leave = (user: string, body: AbortController): void => {
    const mine = byUser.get(user);
    if (mine?.delete(body) !== true) return;
    total -= 1;
    if (mine.size === 0) byUser.delete(user);
  };
  const makeRoom = (): void => {
    const [user, bodies] = [...byUser].reduce((a, b) => (b[1].size > a[1].size ? b : a));
    const [oldest] = bodies;
    if (oldest === undefined) return;
    leave(user, oldest);
    oldest.abort(lost());
  };
  return async (user, read) => {
    if (total >= limit) makeRoom();
    const body = new AbortController();
    enter(user, body);
    try {
      return await read(body.signal);
    } finally {
      leave(user, body);
    }
  };
}
