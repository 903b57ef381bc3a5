import { posix } from 'node:path';
import type { FileFacts, ReadOnlyHost } from '#runtime/host/host.ts';
import { marksDirectory, parseMark, type Mark } from './mark.ts';
import type { OwnedDirectory, Tree, TreeAction } from './model.ts';

/** What every owner has, by `ownerId`. Belongs to the loop; `advanceTrees` changes it in place. */
export type TreesSnapshot = Map<string, Tree>;

/** Reads all marks, then looks at all directories named in them, in two calls. */
export async function observeTrees(host: ReadOnlyHost, signal: AbortSignal): Promise<TreesSnapshot> {
  const texts = (await host.readTexts(marksDirectory(host.root), signal)) ?? new Map<string, string>();
  const marks = [...texts.values()].flatMap((text) => parseMark(text) ?? []);
  const paths = new Set(marks.flatMap((mark) => mark.directories.map(({ path }) => `${host.root}/${path}`)));
  for (const path of [...paths]) paths.add(posix.dirname(path));
  const facts = await host.factsOf([...paths], signal);
  return new Map(marks.map((mark) => [mark.owner, treeOf(mark, host.root, facts)]));
}

function treeOf(mark: Mark, root: string, facts: ReadonlyMap<string, FileFacts>): Tree {
  const directories = new Map<string, Omit<OwnedDirectory, 'path'>>();
  for (const { path, mode, uid, gid } of mark.directories) {
    const found = facts.get(`${root}/${path}`);
    if (found === undefined) continue;
    // What a tenant does with a directory inside its own is its own affair; that there is one is enough.
    const isTenants = (facts.get(posix.dirname(`${root}/${path}`))?.uid ?? 0) !== 0;
    if (isTenants) directories.set(path, { mode, uid, gid });
    else if (found.type === 'directory') directories.set(path, { mode: found.mode, uid: found.uid, gid: found.gid });
  }
  return { directories, kept: new Map(Object.entries(mark.kept)) };
}

/** The snapshot after these actions, without looking again. */
export function advanceTrees(snapshot: TreesSnapshot, done: readonly TreeAction[]): TreesSnapshot {
  for (const action of done) {
    const { owner } = action.input;
    const before = snapshot.get(owner) ?? { directories: new Map(), kept: new Map() };
    const tree = afterAction(before, action);
    if (tree.directories.size === 0 && tree.kept.size === 0) snapshot.delete(owner);
    else snapshot.set(owner, tree);
  }
  return snapshot;
}

function afterAction(tree: Tree, action: TreeAction): Tree {
  const directories = new Map(tree.directories);
  const kept = new Map(tree.kept);
  const { path } = action.input;
  switch (action.op) {
    case 'make-directory':
      for (const { path: each, mode, uid, gid } of [action.input, ...action.input.inside])
        directories.set(each, { mode, uid, gid });
      break;
    case 'keep-directory':
      for (const each of directories.keys()) if (isAtOrBelow(each, path)) directories.delete(each);
      kept.set(path, action.input.keptAt);
      break;
    case 'bring-back':
      kept.delete(path);
      break;
    case 'purge-directory':
      for (const each of directories.keys()) if (isAtOrBelow(each, path)) directories.delete(each);
      for (const [from, at] of kept) if (at === path) kept.delete(from);
      break;
  }
  return { directories, kept };
}

/** Whether a path is `top` or lies below it. */
export function isAtOrBelow(path: string, top: string): boolean {
  return path === top || path.startsWith(`${top}/`);
}
