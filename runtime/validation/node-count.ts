/** How many values a JSON value is made of, counted up to `most`. Does not recurse, so depth is no danger. */
export function countNodes(value: unknown, most: number): number {
  const open: unknown[] = [value];
  let count = 0;
  for (let next = open.pop(); count < most; next = open.pop()) {
    count += 1;
    if (typeof next === 'object' && next !== null) {
      for (const child of Array.isArray(next) ? (next as readonly unknown[]) : Object.values(next)) {
        if (open.length + count >= most) return most;
        open.push(child);
      }
    }
    if (open.length === 0) return count;
  }
  return count;
}
