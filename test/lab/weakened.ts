import { createHash } from 'node:crypto';
import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { edits, type Defence } from './defences.ts';
import type { Edit } from './edit.ts';
import { memoryDirectory } from './memory-directory.ts';

const checkout = join(import.meta.dirname, '../..');
const parts = ['controllers', 'hack', 'manifests', 'package-lock.json', 'package.json', 'runtime', 'schemas', 'test'];

/** Gives a module of ours by its `#…` name. Each way of loading has modules of its own, which share nothing. */
export type Load = <Module>(specifier: `#${string}`) => Promise<Module>;

/** Loads modules as they are. */
export const asBuilt: Load = async <Module>(specifier: string) => (await import(specifier)) as Module;

/**
 * Runs `use` with a copy of the checkout in which these defences are gone: programs, Lua, constant configuration, policies and the labs of tests alike.
 * Errors: an edit that does not fit the source any more.
 */
export async function withoutDefences<T>(defences: readonly Defence[], use: (load: Load) => Promise<T>): Promise<T> {
  const names = createHash('sha256').update(defences.toSorted().join()).digest('hex');
  const place = await ownDirectory();
  const directory = join(place, names.slice(0, 12));
  try {
    linkTree(join(place, 'as-built'), directory);
    for (const defence of defences) for (const edit of edits[defence]) apply(edit, directory);
    return await use(
      async <Module>(specifier: string) =>
        (await import(pathToFileURL(join(directory, specifier.slice(1))).href)) as Module,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The text of a file with one edit applied. Throws when what is to be replaced is not there exactly once. */
export function edited(text: string, { file, find, replace }: Edit): string {
  const pieces = text.split(find);
  if (pieces.length !== 2) throw new Error(`${file} holds ${pieces.length - 1} times, not once: ${find}`);
  return pieces.join(replace);
}

function apply(edit: Edit, directory: string): void {
  const path = join(directory, edit.file);
  const { mtime } = statSync(path);
  const text = edited(readFileSync(path, 'utf8'), edit);
  // The other name of the file stays as it was built.
  rmSync(path);
  writeFileSync(path, text);
  // What was bundled of the same copy in an earlier run is found again by the times of its files.
  utimesSync(path, mtime, mtime);
}

/** The same files under other names. */
function linkTree(from: string, to: string): void {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else linkSync(source, target);
  }
}

let own: Promise<string> | undefined;

/**
 * A directory of this process alone, with a copy of the checkout. Its path is the same in the next run, so that Node's compile cache is of use and does
 * not grow. The kernel hands directories out: whoever listens on the abstract socket has the directory, as long as it lives.
 */
function ownDirectory(): Promise<string> {
  own ??= claimDirectory();
  return own;
}

async function claimDirectory(): Promise<string> {
  for (let number = 0; ; number += 1) {
    const path = join(await memoryDirectory(), `wcp360-without-${number}`);
    const claim = createServer().unref();
    const isOurs = await new Promise<boolean>((resolve) => {
      claim.once('error', () => resolve(false));
      claim.listen(`\0${path}`, () => resolve(true));
    });
    if (!isOurs) continue;
    rmSync(path, { recursive: true, force: true });
    process.once('exit', () => rmSync(path, { recursive: true, force: true }));
    copyCheckout(join(path, 'as-built'));
    stripTypesOnce(path);
    return path;
  }
}

/** The copies below `directory` differ in a file or two: of all others the types are taken away once for all of them, which is half the time of loading one. */
function stripTypesOnce(directory: string): void {
  const below = `${pathToFileURL(directory).href}/`;
  const stripped = new Map<string, string>();
  registerHooks({
    load: (url, context, nextLoad) => {
      if (!url.startsWith(below) || !url.endsWith('.ts')) return nextLoad(url, context);
      const text = readFileSync(fileURLToPath(url), 'utf8');
      const source = stripped.get(text) ?? stripTypeScriptTypes(text);
      stripped.set(text, source);
      return { format: 'module', source, shortCircuit: true };
    },
  });
}

function copyCheckout(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const part of parts) {
    cpSync(join(checkout, part), join(directory, part), {
      recursive: true,
      preserveTimestamps: true,
      filter: (source) => basename(source) !== 'node_modules',
    });
  }
  symlinkSync(join(checkout, 'node_modules'), join(directory, 'node_modules'));
}
