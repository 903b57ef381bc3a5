/**
 * Bundles the programs, so that they start fast and need neither the checkout nor node_modules at run time.
 *
 *   node hack/build.ts OUTDIR   writes OUTDIR/programs/{wcpd,wcpctl,keys}.mjs and, beside them, what they read at run time
 */
import { build } from 'esbuild';
import { chmod, cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** CommonJS packages inside a bundle still call these. */
const commonJsBridge = [
  `import { createRequire as wcpCreateRequire } from 'node:module';`,
  `import { dirname as wcpDirname } from 'node:path';`,
  `import { fileURLToPath as wcpFileUrlToPath } from 'node:url';`,
  `const require = wcpCreateRequire(import.meta.url);`,
  `const __filename = wcpFileUrlToPath(import.meta.url);`,
  `const __dirname = wcpDirname(__filename);`,
].join('\n');

/** What the programs read at run time: source → place below OUTDIR. Readers look beside their own module. */
const assets = [
  ['runtime/drivers/nginx/front', 'programs/front'],
  ['runtime/drivers/php-fpm/pool', 'programs/pool'],
  ['runtime/drivers/adminer/program', 'programs/program'],
  ['runtime/drivers/postgresql/inside', 'programs/inside'],
  ['runtime/host/local/terminal', 'programs/terminal'],
  // etcd3 reads its protocol definitions from the folder above its own modules.
  ['node_modules/etcd3/proto', 'proto'],
  ['manifests', 'manifests'],
] as const;

/**
 * Finished beside OUTDIR's `programs` and renamed into place, so that a running instance never reads half a bundle. Without `maps`, traces name lines of the
 * bundle.
 */
export async function buildPrograms(outdir: string, { maps = true } = {}): Promise<void> {
  const staging = join(outdir, 'staging');
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(
      ['wcpd', 'wcpctl', 'keys', 'resolver'].map((name) => [name, `runtime/cmd/${name}.ts`]),
    ),
    outdir: join(staging, 'programs'),
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: maps && 'linked',
    // Node reads maps at each start, and traces need no more than places.
    sourcesContent: false,
    logLevel: 'warning',
    banner: { js: commonJsBridge },
  });
  for (const [from, to] of assets) await cp(join(root, from), join(staging, to), { recursive: true });
  await openToAll(staging);
  for (const part of ['programs', 'proto', 'manifests']) {
    await rm(join(outdir, part), { recursive: true, force: true });
    await rename(join(staging, part), join(outdir, part));
  }
  await rm(staging, { recursive: true });
}

/** Programs of an instance run as other users, whatever the umask with which the checkout or this bundle was made. */
async function openToAll(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
}

const [outdir] = process.argv.slice(2);
if (import.meta.main && outdir !== undefined) await buildPrograms(outdir);
