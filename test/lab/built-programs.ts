import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms } from '#hack/build.ts';

const checkout = join(import.meta.dirname, '../..');
const unusedForMs = 3_600_000;

/** The bundle of the sources as they are now: made by the first test that asks, found by the others. */
export async function builtPrograms(): Promise<string> {
  const cache = join(tmpdir(), 'wcp360-programs');
  const built = join(cache, await fingerprint());
  if (await isThere(built)) {
    await utimes(built, new Date(), new Date());
    return built;
  }
  await mkdir(cache, { recursive: true });
  await dropUnused(cache);
  const fresh = await mkdtemp(join(cache, 'building-'));
  // Each instance, and each copy without a defence, would pay for maps; names in traces are the same.
  await buildPrograms(fresh, { maps: false });
  await chmod(fresh, 0o755);
  // Another test may have been faster; what it put there is the same.
  await rename(fresh, built).catch(() => rm(fresh, { recursive: true, force: true }));
  return built;
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256').update(checkout);
  for (const folder of ['runtime', 'controllers', 'schemas', 'manifests', 'hack/build.ts', 'package-lock.json']) {
    const path = join(checkout, folder);
    const inside = (await stat(path)).isDirectory() ? (await readdir(path, { recursive: true })).toSorted() : [''];
    for (const name of inside) {
      const facts = await stat(join(path, name)).catch(() => undefined);
      if (facts?.isFile() === true) hash.update(`${folder}/${name} ${facts.size} ${facts.mtimeMs}\n`);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

async function dropUnused(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const facts = await stat(join(cache, name)).catch(() => undefined);
    if (facts !== undefined && Date.now() - facts.mtimeMs > unusedForMs)
      await rm(join(cache, name), { recursive: true, force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
