import { chown, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Write } from '#hack/benches/site-writes.ts';
import type { Store } from '#runtime/storage/store.ts';
import { commitLike, shareOut } from './plain-writes.ts';

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
  const bySite = shareOut(options.writes, names.length);
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
