import { lstatSync } from 'node:fs';
import { posix } from 'node:path';
import { BugError, HostError } from '#runtime/base/errors.ts';

/** Directories below which this host object may work; the first is the instance's root. */
export type Roots = readonly [string, ...string[]];

/**
 * Refuses a path that is not absolute and normalised, lies outside every root, or has a symlink above its last component.
 * The last component may be a link: callers open it without following. Missing parents are not an error here.
 */
export function checkPath(roots: Roots, path: string): string {
  const root = rootOf(roots, path);
  let end = path.indexOf('/', root.length + 1);
  while (end !== -1) {
    const parent = path.slice(0, end);
    const stat = lstatSync(parent, { throwIfNoEntry: false });
    if (stat === undefined) return path;
    if (stat.isSymbolicLink()) throw new HostError(`"${parent}" is a symbolic link`, { path });
    end = path.indexOf('/', end + 1);
  }
  return path;
}

/** The root a path lies below (or is); a BugError when there is none, since paths are made by us. */
export function rootOf(roots: Roots, path: string): string {
  const isPlain = path.startsWith('/') && posix.normalize(path) === path && !path.endsWith('/') && !path.includes('\0');
  const root = isPlain ? roots.find((each) => path === each || path.startsWith(`${each}/`)) : undefined;
  if (root === undefined) throw new BugError(`"${path}" is not a normalised path below ${roots.join(' or ')}`);
  return root;
}
