import { createHash } from 'node:crypto';
import { firstLine, kindOfKey, type SnapshotEntry, type SnapshotHeader } from './format.ts';

const lineEnd = Buffer.from('\n');

/** An entry on its way into a snapshot. */
export interface SealedEntry extends SnapshotEntry {
  /** The key that encrypted the value, as `SnapshotEnd.encryptionKeys` names it. */
  readonly encryptionKey: string | undefined;
}

/** The bytes of a snapshot, a page of entries at a time. Keeps nothing of what it has given out. */
export async function* writeSnapshot(
  header: SnapshotHeader,
  pages: AsyncIterable<readonly SealedEntry[]>,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const hashed = (parts: readonly Buffer[]): Buffer => {
    const chunk = Buffer.concat(parts);
    hash.update(chunk);
    return chunk;
  };
  const kinds = new Map<string, number>();
  const encryptionKeys = new Set<string>();
  let objects = 0;
  yield hashed([Buffer.from(`${firstLine}\n`), line(header)]);
  for await (const page of pages) {
    for (const { key, encryptionKey } of page) {
      const kind = kindOfKey(key);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (encryptionKey !== undefined) encryptionKeys.add(encryptionKey);
    }
    objects += page.length;
    yield hashed(page.flatMap(({ key, value }) => [line({ key, bytes: value.length }), value, lineEnd]));
  }
  yield hashed([line({ objects, kinds: Object.fromEntries(kinds), encryptionKeys: [...encryptionKeys].toSorted() })]);
  yield Buffer.from(`sha256 ${hash.digest('hex')}\n`);
}

function line(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
