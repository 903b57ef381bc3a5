/** How many values a JSON value is made of, counted up to `most`. Does not recurse, so depth is no danger. */
export function countNodes(value: unknown, most: number): number {
  const open: unknown[] = [value];
  let count = 0;
  while (open.length > 0 && count < most) {
    count += 1;
    for (const child of childrenOf(open.pop())) {
      if (open.length + count >= most) return most;
      open.push(child);
    }
  }
  return count;
}

function childrenOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}
