import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { OwnedDirectory, Tree, TreeAction } from './model.ts';

/**
 * | wanted        | found          | action                                                        |
 * | directory     | kept           | bring-back, then make-directory (ownership, what is missing)  |
 * | directory     | other or none  | make-directory                                                |
 * | kept          | not noted      | keep-directory                                                |
 * | –             | kept           | purge-directory of where it is kept                           |
 * | –             | directory      | purge-directory; nothing inside a directory that stays        |
 */
export function planTree(owner: Owner, desired: Tree, observed: Tree): readonly TreeAction[] {
  const mark = ownerId(owner);
  return [
    ...bringBack(mark, desired, observed),
    ...make(mark, desired, observed),
    ...keep(mark, desired, observed),
    ...purge(mark, desired, observed),
  ];
}

function bringBack(owner: string, desired: Tree, observed: Tree): readonly TreeAction[] {
  return inOrder(observed.kept.keys())
    .filter((path) => desired.directories.has(path))
    .map((path) => ({
      ...common(owner, path),
      op: 'bring-back',
      reason: 'wanted again',
      input: { path, keptAt: observed.kept.get(path) ?? '', owner },
    }));
}

function make(owner: string, desired: Tree, observed: Tree): readonly TreeAction[] {
  const differing = inOrder(desired.directories.keys()).filter((path) => {
    return observed.kept.has(path) || !isEqual(desired.directories.get(path), observed.directories.get(path));
  });
  const isNew = (path: string): boolean =>
    (observed.directories.get(path)?.uid ?? -1) === -1 && !observed.kept.has(path);
  // A new directory brings along the new ones inside it: nobody else ever sees it half made.
  const tops = differing.filter((path) => !differing.some((other) => isNew(other) && path.startsWith(`${other}/`)));
  return tops.map((path) => {
    const directory = ownedDirectory(path, desired);
    const inside = isNew(path) ? differing.filter((other) => other.startsWith(`${path}/`)) : [];
    return {
      ...common(owner, path),
      op: 'make-directory',
      reason: isNew(path) ? 'missing' : 'differs',
      changes: fieldChanges(observed.directories.get(path), desired.directories.get(path)),
      input: { ...directory, owner, inside: inside.map((other) => ownedDirectory(other, desired)) },
    };
  });
}

function keep(owner: string, desired: Tree, observed: Tree): readonly TreeAction[] {
  return inOrder(desired.kept.keys())
    .filter((path) => desired.kept.get(path) !== observed.kept.get(path))
    .map((path) => ({
      ...common(owner, path),
      op: 'keep-directory',
      reason: 'to be kept',
      input: { path, keptAt: desired.kept.get(path) ?? '', owner },
    }));
}

function purge(owner: string, desired: Tree, observed: Tree): readonly TreeAction[] {
  const staysInside = (path: string): boolean =>
    [...desired.directories.keys(), ...desired.kept.keys()].some(
      (other) => path === other || path.startsWith(`${other}/`),
    );
  const gone = inOrder(observed.directories.keys()).filter((path) => !staysInside(path));
  const tops = gone.filter((path) => !gone.some((other) => path.startsWith(`${other}/`)));
  const unkept = inOrder(observed.kept.keys())
    .filter((path) => !desired.kept.has(path) && !desired.directories.has(path))
    .map((path) => observed.kept.get(path) ?? '');
  return [...tops, ...unkept].map((path) => ({
    ...common(owner, path),
    op: 'purge-directory',
    reason: 'no longer wanted',
    disruption: 'data-loss',
    input: { path, owner },
  }));
}

function common(owner: string, path: string) {
  return { driver: 'tree', subject: `tree/${owner}/${path}`, disruption: 'none', changes: [] } as const;
}

function ownedDirectory(path: string, tree: Tree): OwnedDirectory {
  const { mode, uid, gid } = tree.directories.get(path) ?? { mode: 0o700, uid: 0, gid: 0 };
  return { path, mode, uid, gid };
}

function inOrder(paths: Iterable<string>): readonly string[] {
  return [...paths].toSorted();
}
