import { posix } from 'node:path';
import type { FileFacts, ReadOnlyHost } from '#runtime/host/host.ts';
import { createCarriedUids, type CarriedUids } from './carried-uids.ts';
import { readMarks, type Mark } from './mark.ts';
import type { OwnedDirectory, Tree, TreeAction } from './model.ts';

/** A directory that is noted and not there: it differs from every wanted one, and its note can be purged. */
export const gone = { mode: 0, uid: -1, gid: -1 } as const;

/** Belongs to the loop; `advanceTrees` changes it in place. */
export interface TreesSnapshot {
  /** What every owner has, by `ownerId`. */
  readonly trees: Map<string, Tree>;
  readonly carried: CarriedUids;
}

/** tenant → the user ids that its files carry on this machine now. */
export async function readCarriedUids(
  host: ReadOnlyHost,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const { carried } = await observeTrees(host, signal);
  return new Map([...carried.byTenant].map(([tenant, uids]) => [tenant, [...uids.keys()]]));
}

/** Reads all marks, then looks at all directories named in them, and at what is kept, in two calls. */
export async function observeTrees(host: ReadOnlyHost, signal: AbortSignal): Promise<TreesSnapshot> {
  const marks = await readMarks(host, signal);
  const noted = marks.flatMap((mark) => mark.directories.map(({ path }) => `${host.root}/${path}`));
  const kept = marks.flatMap((mark) => Object.values(mark.kept).map((path) => `${host.root}/${path}`));
  const paths = new Set([...noted, ...noted.map((path) => posix.dirname(path)), ...kept]);
  const facts = await host.factsOf([...paths], signal);
  const carried = createCarriedUids();
  const trees = new Map(marks.map((mark) => [mark.owner, treeOf(mark, host.root, facts)]));
  for (const { directories, kept: aside } of trees.values()) {
    for (const [path, { uid }] of directories) carried.put(path, uid);
    for (const [path, keptAt] of aside) carried.put(path, facts.get(`${host.root}/${keptAt}`)?.uid ?? gone.uid, keptAt);
  }
  return { trees, carried };
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
  const { trees, carried } = snapshot;
  for (const action of done) {
    const { owner, path } = action.input;
    if (action.op === 'purge-directory' && metOthers(trees, owner, path)) return undefined;
    const before = trees.get(owner) ?? { directories: new Map(), kept: new Map() };
    carryOn(carried, action, before);
    const tree = afterAction(before, action);
    if (tree.directories.size === 0 && tree.kept.size === 0) trees.delete(owner);
    else trees.set(owner, tree);
  }
  return snapshot;
}

function carryOn(carried: CarriedUids, action: TreeAction, { directories }: Tree): void {
  const { path } = action.input;
  switch (action.op) {
    case 'make-directory':
      for (const made of [action.input, ...action.input.inside]) carried.put(made.path, made.uid);
      return;
    case 'keep-directory':
      // Who does not own it only notes where it is.
      if (directories.has(path)) carried.move(path, action.input.keptAt);
      return;
    case 'bring-back':
      carried.move(action.input.keptAt, path);
      return;
    case 'purge-directory':
      for (const each of [path, ...directories.keys()]) if (isAtOrBelow(each, path)) carried.drop(each);
  }
}

/** Only directories of root hold others' directories, so that most purges need no search. */
function metOthers(trees: TreesSnapshot['trees'], owner: string, path: string): boolean {
  if (trees.get(owner)?.directories.get(path)?.uid !== 0) return false;
  return [...trees].some(
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
