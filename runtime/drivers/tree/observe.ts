import { posix } from 'node:path';
import type { FileFacts, ReadOnlyHost } from '#runtime/host/host.ts';
import { readMarks, type Mark } from './mark.ts';
import type { OwnedDirectory, Tree, TreeAction } from './model.ts';

/** A directory that is noted and not there: it differs from every wanted one, and its note can be purged. */
export const gone = { mode: 0, uid: -1, gid: -1 } as const;

/** What every owner has, by `ownerId`. Belongs to the loop; `advanceTrees` changes it in place. */
export type TreesSnapshot = Map<string, Tree>;

/** Reads all marks, then looks at all directories named in them, in two calls. */
export async function observeTrees(host: ReadOnlyHost, signal: AbortSignal): Promise<TreesSnapshot> {
  const marks = await readMarks(host, signal);
  const noted = marks.flatMap((mark) => mark.directories.map(({ path }) => `${host.root}/${path}`));
  const paths = new Set([...noted, ...noted.map((path) => posix.dirname(path))]);
  const facts = await host.factsOf([...paths], signal);
  return new Map(marks.map((mark) => [mark.owner, treeOf(mark, host.root, facts)]));
}

function treeOf(mark: Mark, root: string, facts: ReadonlyMap<string, FileFacts>): Tree {
  const directories = new Map<string, Omit<OwnedDirectory, 'path'>>();
  for (const { path, mode, uid, gid } of mark.directories) {
    const found = facts.get(`${root}/${path}`);
    if (found === undefined) {
      directories.set(path, gone);
      continue;
    }
    // What a tenant does with a directory inside its own is its own affair; that there is one is enough.
    const isTenants = (facts.get(posix.dirname(`${root}/${path}`))?.uid ?? 0) !== 0;
    if (isTenants) directories.set(path, { mode, uid, gid });
    else
      directories.set(path, found.type === 'directory' ? { mode: found.mode, uid: found.uid, gid: found.gid } : gone);
  }
  return { directories, kept: new Map(Object.entries(mark.kept)) };
}

/** The snapshot after these actions, without looking again; `undefined` when a purge met what belongs to others. */
export function advanceTrees(snapshot: TreesSnapshot, done: readonly TreeAction[]): TreesSnapshot | undefined {
  for (const action of done) {
    const { owner, path } = action.input;
    if (action.op === 'purge-directory' && metOthers(snapshot, owner, path)) return undefined;
    const before = snapshot.get(owner) ?? { directories: new Map(), kept: new Map() };
    const tree = afterAction(before, action);
    if (tree.directories.size === 0 && tree.kept.size === 0) snapshot.delete(owner);
    else snapshot.set(owner, tree);
  }
  return snapshot;
}

/** Only directories of root hold others' directories, so that most purges need no search. */
function metOthers(snapshot: TreesSnapshot, owner: string, path: string): boolean {
  if (snapshot.get(owner)?.directories.get(path)?.uid !== 0) return false;
  return [...snapshot].some(
    ([other, { directories }]) => other !== owner && [...directories.keys()].some((each) => isAtOrBelow(each, path)),
  );
}

function afterAction(tree: Tree, action: TreeAction): Tree {
  const { path } = action.input;
  const { directories, kept } = tree;
  switch (action.op) {
    case 'make-directory': {
      const made = [action.input, ...action.input.inside];
      return {
        kept,
        directories: new Map([...directories, ...made.map((each) => [each.path, ownershipOf(each)] as const)]),
      };
    }
    case 'keep-directory':
      return { kept: new Map([...kept, [path, action.input.keptAt]]), directories: withoutBelow(directories, path) };
    case 'bring-back':
      return { directories, kept: new Map([...kept].filter(([from]) => from !== path)) };
    case 'purge-directory':
      return { directories: withoutBelow(directories, path), kept: new Map([...kept].filter(([, at]) => at !== path)) };
  }
}

function ownershipOf({ mode, uid, gid }: OwnedDirectory): Omit<OwnedDirectory, 'path'> {
  return { mode, uid, gid };
}

function withoutBelow(directories: Tree['directories'], top: string): Tree['directories'] {
  return new Map([...directories].filter(([path]) => !isAtOrBelow(path, top)));
}

/** Whether a path is `top` or lies below it. */
export function isAtOrBelow(path: string, top: string): boolean {
  return path === top || path.startsWith(`${top}/`);
}
