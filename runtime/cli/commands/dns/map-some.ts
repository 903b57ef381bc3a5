const atOnce = 16;

/** Maps in order, with a few under way at once. */
export async function mapSome<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results[next[0]] = await map(next[1]);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
