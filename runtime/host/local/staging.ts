import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { HostError } from '#runtime/base/errors.ts';
import { onPath, orAbsent } from './file-errors.ts';
import { rootOf, type Roots } from './safe-path.ts';

/** A place on the same file system as the target that only root can enter. */
export interface Staging {
  /** A name nobody uses, for what will be renamed to `target`. */
  pathFor(target: string): string;
  /** A name in the trash of the root that `target` lies below. */
  trashFor(target: string): string;
  /** Paths in staging and trash that writers left there which are gone. */
  leftovers(): readonly string[];
}

/** Makes `<root>/staging` and `<root>/trash`, both 0700. Names carry our pid, so that several programs can share a root. HostError where a root is no directory. */
export function openStaging(roots: Roots): Staging {
  for (const root of roots) requireDirectory(root);
  for (const root of roots) for (const name of ['staging', 'trash']) makePrivate(`${root}/${name}`);
  let count = 0;
  const next = (folder: string) => (target: string) =>
    `${rootOf(roots, target)}/${folder}/${process.pid}-${(count += 1)}-${stamp}`;
  return {
    pathFor: next('staging'),
    trashFor: next('trash'),
    leftovers: () =>
      roots.flatMap((root) =>
        ['staging', 'trash'].flatMap((folder) =>
          readdirSync(`${root}/${folder}`)
            .filter(isLeftover)
            .map((name) => `${root}/${folder}/${name}`),
        ),
      ),
  };
}

/** Keeps names apart from those of an earlier process with the same pid. */
const stamp = Date.now().toString(36);

function requireDirectory(path: string): void {
  if (orAbsent(path, () => lstatSync(path))?.isDirectory() === true) return;
  throw new HostError(`there is no directory "${path}"; make it (install -d -m 0711 ${path}), or name another one`, {
    path,
  });
}

function makePrivate(path: string): void {
  onPath(path, () => {
    if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
    const stat = lstatSync(path);
    if (!stat.isDirectory() || (stat.mode & 0o077) !== 0 || stat.uid !== (process.getuid?.() ?? 0)) {
      throw new HostError(`"${path}" is not a directory that only this program can enter`, { path });
    }
  });
}

/** Names that drivers chose themselves have no pid and stay. */
function isLeftover(name: string): boolean {
  const match = /^(\d+)-\d+-([0-9a-z]+)$/.exec(name);
  if (match === null) return false;
  if (Number(match[1]) === process.pid) return match[2] !== stamp;
  try {
    process.kill(Number(match[1]), 0);
    return false;
  } catch {
    return true;
  }
}
