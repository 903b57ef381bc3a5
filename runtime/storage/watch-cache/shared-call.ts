/**
 * Shares calls among callers: at most one is under way and one waits to begin. A caller is only ever given the answer of a call that began
 * after it asked, so what the answer says was true at some moment after the question.
 */
export function shareCalls<T>(call: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  let next: Promise<T> | undefined;

  async function begin(): Promise<T> {
    try {
      return await call();
    } finally {
      underWay = undefined;
    }
  }

  async function beginAfter(earlier: Promise<T>): Promise<T> {
    await earlier.catch(() => undefined);
    next = undefined;
    underWay = begin();
    return underWay;
  }

  return () => {
    if (next !== undefined) return next;
    if (underWay === undefined) return (underWay = begin());
    return (next = beginAfter(underWay));
  };
}
