import { chown, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Write } from '#hack/benches/site-writes.ts';
import type { Store } from '#runtime/storage/store.ts';

export interface PlainSitesOptions {
  readonly store: Store;
  /** The writes of the product, in their order; their sizes count, their content does not. */
  readonly writes: readonly Write[];
  /** One site each. */
  readonly names: readonly string[];
  /** Where the trees and the records go; must be there. */
  readonly directory: string;
  readonly record: string;
  readonly uid: number;
  readonly gid: number;
  readonly connections: number;
}

/**
 * What a program that knows its end from the beginning would do for the same sites: the same etcd transactions, each with its condition, those of one site
 * one after the other and many sites at once; the same directories and records. Reads nothing, decides nothing. Seconds.
 */
export async function makePlainSites(options: PlainSitesOptions): Promise<number> {
  const { names, connections } = options;
  const bySite = shareOut(options.writes, names);
  await mkdir(join(options.directory, 'domains'), { recursive: true });
  await mkdir(join(options.directory, 'sites'), { recursive: true });
  const startedAt = performance.now();
  let next = 0;
  const loop = async (): Promise<void> => {
    for (let index = next++; index < names.length; index = next++) {
      const name = names[index] ?? '';
      for (const write of bySite[index] ?? []) await commitLike(options.store, write);
      await makeTree(options, name);
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  return (performance.now() - startedAt) / 1000;
}

interface Turn {
  readonly key: string;
  readonly sizes: (number | undefined)[];
}

/** The writes by key, the keys in turn to the sites: claims do not carry the site's name in their key, but there are as many of them. */
function shareOut(writes: readonly Write[], names: readonly string[]): readonly (readonly Turn[])[] {
  const byKey = new Map<string, (number | undefined)[]>();
  for (const { key, bytes } of writes) byKey.set(key, [...(byKey.get(key) ?? []), bytes]);
  const shares: Turn[][] = names.map(() => []);
  let turn = 0;
  for (const [key, sizes] of byKey) shares[turn++ % names.length]?.push({ key: `/plain${key}`, sizes });
  return shares;
}

async function commitLike(store: Store, { key, sizes }: Turn): Promise<void> {
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

async function makeTree({ directory, uid, gid, record }: PlainSitesOptions, name: string): Promise<void> {
  const home = join(directory, 'domains', name);
  const root = join(home, 'public');
  await mkdir(home, { mode: 0o750 });
  await mkdir(root, { mode: 0o750 });
  await chown(root, uid, gid);
  await chown(home, uid, gid);
  const path = join(directory, 'sites', `${name}.json`);
  await writeFile(`${path}.new`, record, { mode: 0o640 });
  await chown(`${path}.new`, 0, gid);
  await rename(`${path}.new`, path);
}
