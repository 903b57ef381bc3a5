import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readdirSync,
  type Dirent,
  type Stats,
} from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { HostError } from '#runtime/base/errors.ts';
import type { DirectoryEntry, FileFacts, FileType } from '#runtime/host/host.ts';
import { orAbsent } from './file-errors.ts';
import { checkPath, type Roots } from './safe-path.ts';

const defaultMaxBytes = 1024 * 1024;
/** How many files are read before the event loop has a turn; a file from the page cache takes about 20 µs. */
const batchSize = 100;
const chunkBytes = 256 * 1024;

/**
 * A regular file's text without following links; `undefined` when absent, HostError when larger than `maxBytes`.
 * Synchronous on purpose: five system calls from the page cache cost less than one trip through the thread pool.
 */
export function readText(roots: Roots, path: string, maxBytes = defaultMaxBytes): string | undefined {
  checkPath(roots, path);
  return orAbsent(path, () => {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new HostError(`"${path}" is not a regular file`, { path });
      if (stat.size > maxBytes) throw new HostError(`"${path}" is larger than ${maxBytes} bytes`, { path });
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  });
}

/** Bytes of a regular file without following links, as they are read; `undefined` when absent. */
export function openFile(roots: Roots, path: string, signal: AbortSignal): AsyncIterable<Buffer> | undefined {
  checkPath(roots, path);
  const fd = orAbsent(path, () => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  if (fd === undefined) return undefined;
  if (!fstatSync(fd).isFile()) {
    closeSync(fd);
    throw new HostError(`"${path}" is not a regular file`, { path });
  }
  return createReadStream(path, { fd, signal, highWaterMark: chunkBytes });
}

/** Entries in byte order; `undefined` when the directory is absent. */
export function readDirectory(roots: Roots, path: string): readonly DirectoryEntry[] | undefined {
  checkPath(roots, path);
  const entries = orAbsent(path, () => readdirSync(path, { withFileTypes: true }));
  return entries?.map((entry) => ({ name: entry.name, type: typeOf(entry) })).sort(byName);
}

/** What `lstat` tells; `undefined` when absent. */
export function readFacts(roots: Roots, path: string): FileFacts | undefined {
  checkPath(roots, path);
  const stat = orAbsent(path, () => lstatSync(path, { throwIfNoEntry: false }));
  return stat === undefined ? undefined : factsFrom(stat);
}

/** Facts of many paths, with a turn for others after each batch. */
export async function readFactsOf(
  roots: Roots,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, FileFacts>> {
  const found = new Map<string, FileFacts>();
  for (const [index, path] of paths.entries()) {
    if (index % batchSize === batchSize - 1) await setImmediate(undefined, { signal });
    const facts = readFacts(roots, path);
    if (facts !== undefined) found.set(path, facts);
  }
  return found;
}

/** Texts of all regular files of a flat directory, hidden names left out. */
export async function readTexts(
  roots: Roots,
  directory: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | undefined> {
  const entries = readDirectory(roots, directory);
  if (entries === undefined) return undefined;
  const texts = new Map<string, string>();
  for (const [index, entry] of entries.entries()) {
    if (index % batchSize === batchSize - 1) await setImmediate(undefined, { signal });
    if (entry.type !== 'file' || entry.name.startsWith('.')) continue;
    const text = orAbsent(directory, () => readSmallFile(`${directory}/${entry.name}`));
    if (text !== undefined) texts.set(entry.name, text);
  }
  return texts;
}

function readSmallFile(path: string): string | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    return stat.isFile() && stat.size <= defaultMaxBytes ? readFileSync(fd, 'utf8') : undefined;
  } finally {
    closeSync(fd);
  }
}

function factsFrom(stat: Stats): FileFacts {
  return {
    type: typeOf(stat),
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    sizeBytes: stat.size,
    modifiedMs: stat.mtimeMs,
  };
}

function typeOf(entry: Dirent | Stats): FileType {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symlink';
  return entry.isSocket() ? 'socket' : 'other';
}

function byName(a: DirectoryEntry, b: DirectoryEntry): number {
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}
