import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { BugError, HostError } from '#runtime/base/errors.ts';
import type { DirectoryEntry, FileFacts, FileType, Ownership } from '#runtime/host/host.ts';

/** One entry of the model's file system. */
export interface MemoryNode extends Ownership {
  readonly type: FileType;
  /** Text of a file, target of a link. */
  readonly content: string;
  readonly modifiedMs: number;
}

/** A file system as the Host contract sees it: absolute normalised paths, ownership, links that are never followed. */
export interface MemoryTree {
  readonly nodes: Map<string, MemoryNode>;
  /** The paths below which callers may work. */
  readonly roots: readonly string[];
}

/** A tree with its roots made, root's and 0755. */
export function createMemoryTree(roots: readonly string[]): MemoryTree {
  const nodes = new Map<string, MemoryNode>();
  for (const root of roots) {
    nodes.set(root, directoryNode({ mode: 0o755, uid: 0, gid: 0 }));
    for (const name of ['staging', 'trash'])
      nodes.set(`${root}/${name}`, directoryNode({ mode: 0o700, uid: 0, gid: 0 }));
  }
  return { nodes, roots };
}

/** A directory with this ownership. */
export function directoryNode(ownership: Ownership): MemoryNode {
  const { mode, uid, gid } = ownership;
  return { type: 'directory', mode, uid, gid, content: '', modifiedMs: 0 };
}

/** The same refusals as on the real machine: outside of every root, not normalised, below a link. */
export function checkMemoryPath(tree: MemoryTree, path: string): void {
  const isPlain = path.startsWith('/') && posix.normalize(path) === path && !path.endsWith('/') && !path.includes('\0');
  const root = isPlain ? tree.roots.find((each) => path === each || path.startsWith(`${each}/`)) : undefined;
  if (root === undefined) throw new BugError(`"${path}" is not a normalised path below ${tree.roots.join(' or ')}`);
  for (let end = path.indexOf('/', root.length + 1); end !== -1; end = path.indexOf('/', end + 1)) {
    const parent = path.slice(0, end);
    if (tree.nodes.get(parent)?.type === 'symlink') throw new HostError(`"${parent}" is a symbolic link`, { path });
  }
}

/** Puts an entry; HostError without a directory above. */
export function putNode(tree: MemoryTree, path: string, node: MemoryNode): void {
  if (tree.nodes.get(posix.dirname(path))?.type !== 'directory') {
    throw new HostError(`"${path}": there is no directory above`, { path });
  }
  tree.nodes.set(path, node);
}

/** An entry and all below it, parents first. */
export function pathsBelow(tree: MemoryTree, top: string): readonly string[] {
  return [...tree.nodes.keys()].filter((path) => path === top || path.startsWith(`${top}/`)).toSorted();
}

/** Moves an entry with all below it. */
export function moveNodes(tree: MemoryTree, from: string, to: string): void {
  if (tree.nodes.get(posix.dirname(to))?.type !== 'directory')
    throw new HostError(`"${to}": there is no directory above`, { path: to });
  for (const path of pathsBelow(tree, from)) {
    const node = tree.nodes.get(path);
    tree.nodes.delete(path);
    if (node !== undefined) tree.nodes.set(`${to}${path.slice(from.length)}`, node);
  }
}

/** Entries of a directory in byte order. */
export function entriesOf(tree: MemoryTree, directory: string): readonly DirectoryEntry[] | undefined {
  if (tree.nodes.get(directory)?.type !== 'directory') return undefined;
  const entries: DirectoryEntry[] = [];
  for (const [path, node] of tree.nodes) {
    if (posix.dirname(path) === directory && path !== directory)
      entries.push({ name: posix.basename(path), type: node.type });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What `facts` tells of an entry. */
export function factsOfNode(node: MemoryNode): FileFacts {
  const { type, mode, uid, gid, modifiedMs } = node;
  return { type, mode, uid, gid, modifiedMs, sizeBytes: Buffer.byteLength(node.content) };
}

/** Equal for equal trees, whatever lies in staging and trash; times do not count. */
export function hashMemoryTree(tree: MemoryTree): string {
  const hash = createHash('sha256');
  for (const path of [...tree.nodes.keys()].toSorted()) {
    const node = tree.nodes.get(path);
    const isPrivate = tree.roots.some((root) =>
      ['staging', 'trash'].some((name) => path.startsWith(`${root}/${name}`)),
    );
    if (node === undefined || isPrivate) continue;
    hash.update(JSON.stringify([path, node.type, node.mode, node.uid, node.gid, node.content]));
  }
  return hash.digest('hex');
}
