import type { Write } from '#hack/benches/site-writes.ts';
import type { Store } from '#runtime/storage/store.ts';

/** All writes of one key, in their order. */
interface Turn {
  readonly key: string;
  readonly sizes: (number | undefined)[];
}

/** The writes by key, the keys in turn to so many things: claims do not carry the thing's name in their key, but there are as many of them. */
export function shareOut(writes: readonly Write[], count: number): readonly (readonly Turn[])[] {
  const byKey = new Map<string, (number | undefined)[]>();
  for (const { key, bytes } of writes) byKey.set(key, [...(byKey.get(key) ?? []), bytes]);
  const shares = Array.from({ length: count }, (): Turn[] => []);
  let turn = 0;
  for (const [key, sizes] of byKey) shares[turn++ % count]?.push({ key: `/plain${key}`, sizes });
  return shares;
}

/** Conditional transactions, one after the other. */
export async function commitLike(store: Store, { key, sizes }: Turn): Promise<void> {
  let revision = 0;
  for (const size of sizes) {
    const condition = { if: [{ key, revision }] };
    const outcome = await store.commit(
      size === undefined
        ? { ...condition, delete: [key] }
        : { ...condition, put: [{ key, value: Buffer.alloc(size, 'x') }] },
    );
    revision = size === undefined ? 0 : outcome.revision;
  }
}
