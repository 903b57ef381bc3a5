import { constants } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { HostError } from '#runtime/base/errors.ts';
import type { Tree, TreeLimits } from '#runtime/host/workspace.ts';
import { asHostError, errorCode } from './file-errors.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;
const maxDepth = 32;

interface Walk {
  readonly limits: TreeLimits;
  readonly signal: AbortSignal;
  readonly texts: Map<string, string>;
  readonly links: string[];
  bytes: number;
}

/**
 * Reads a tree that somebody else may change meanwhile. Each directory is opened without following links and entered through its handle, so that one that
 * is swapped for a link leads nowhere. The directory itself may be reached through links: whoever named it meant where they lead.
 */
export async function readTree(directory: string, limits: TreeLimits, signal: AbortSignal): Promise<Tree | undefined> {
  const walk: Walk = { limits, signal, texts: new Map(), links: [], bytes: 0 };
  const root = await openAt(directory, O_RDONLY | O_DIRECTORY);
  if (root === undefined) return undefined;
  await walkDirectory(walk, { handle: root, name: '', depth: 0 });
  return { texts: new Map([...walk.texts].toSorted(([a], [b]) => (a < b ? -1 : 1))), links: walk.links.toSorted() };
}

async function walkDirectory(
  walk: Walk,
  { handle, name, depth }: { readonly handle: FileHandle; readonly name: string; readonly depth: number },
): Promise<void> {
  try {
    if (depth > maxDepth) throw new HostError(`"${name}" lies too deep`, { path: name });
    const place = `/proc/self/fd/${handle.fd}`;
    for (const entry of await readdir(place, { withFileTypes: true })) {
      walk.signal.throwIfAborted();
      if (entry.name.startsWith('.')) continue;
      const path = name === '' ? entry.name : `${name}/${entry.name}`;
      if (entry.isSymbolicLink()) walk.links.push(path);
      else if (entry.isDirectory()) await enter(walk, { place: `${place}/${entry.name}`, path, depth });
      else if (entry.isFile() && walk.limits.wants(entry.name)) await read(walk, `${place}/${entry.name}`, path);
    }
  } finally {
    await handle.close();
  }
}

async function enter(
  walk: Walk,
  { place, path, depth }: { readonly place: string; readonly path: string; readonly depth: number },
): Promise<void> {
  const handle = await openAt(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path);
  if (handle !== undefined) await walkDirectory(walk, { handle, name: path, depth: depth + 1 });
}

async function read(walk: Walk, place: string, path: string): Promise<void> {
  const handle = await openAt(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, path);
  if (handle === undefined) return;
  try {
    const { size } = await handle.stat();
    const { maxFiles, maxFileBytes, maxBytes } = walk.limits;
    walk.bytes += size;
    if (size > maxFileBytes) throw new HostError(`"${path}" is larger than ${maxFileBytes} bytes`, { path });
    if (walk.bytes > maxBytes) throw new HostError(`the files are larger than ${maxBytes} bytes together`, { path });
    if (walk.texts.size >= maxFiles) throw new HostError(`there are more than ${maxFiles} files`, { path });
    walk.texts.set(path, await handle.readFile('utf8'));
  } finally {
    await handle.close();
  }
}

/** `undefined` when it is not there (any more). */
async function openAt(place: string, flags: number, path = place): Promise<FileHandle | undefined> {
  try {
    return await open(place, flags);
  } catch (err) {
    if (errorCode(err) === 'ENOENT') return undefined;
    throw asHostError(path, err);
  }
}
