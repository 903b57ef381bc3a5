import { posix } from 'node:path';
import { BugError } from '#runtime/base/errors.ts';
import type { Host } from '#runtime/host/host.ts';
import { readMark, readMarks, writeMark, type Mark } from './mark.ts';
import { isAtOrBelow } from './observe.ts';

/** Moves a directory of its owner aside, and notes where it is. */
export async function keepDirectory(
  input: { readonly path: string; readonly keptAt: string; readonly owner: string },
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  const mark = await readMark(host, input.owner, signal);
  const isOwn = mark.directories.some(({ path }) => path === input.path);
  if (isOwn && (await host.facts(absolute(host, input.path), signal)) !== undefined) {
    await makeKeptParents(input.keptAt, host, signal);
    await host.rename(absolute(host, input.path), absolute(host, input.keptAt), signal);
  }
  const directories = mark.directories.filter(({ path }) => !isAtOrBelow(path, input.path));
  await writeMark(host, { ...mark, directories, kept: { ...mark.kept, [input.path]: input.keptAt } }, signal);
}

async function makeKeptParents(keptAt: string, host: Host, signal: AbortSignal): Promise<void> {
  const parts = posix.dirname(keptAt).split('/');
  for (let length = 1; length <= parts.length; length += 1) {
    const path = absolute(host, parts.slice(0, length).join('/'));
    await host.makeDirectory(path, { mode: 0o700, uid: 0, gid: 0 }, signal);
  }
}

/**
 * Before a directory is purged: what lies in it for another owner is moved aside first, to be brought back when that one is wanted again. Only an owner
 * without an object has something there still (its finalizer was stripped), and data never goes for want of an object.
 */
export async function keepWhatIsOthers(
  { path, owner }: { readonly path: string; readonly owner: string },
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  if (!(await holdsOthers(await readMark(host, owner, signal), path, { host, signal }))) return;
  for (const mark of await readMarks(host, signal)) {
    if (mark.owner === owner) continue;
    const inside = mark.directories.map((directory) => directory.path).filter((each) => isAtOrBelow(each, path));
    const tops = inside.filter((each) => !inside.some((other) => each.startsWith(`${other}/`)));
    for (const top of tops) {
      const keptAt = `kept/orphan/${mark.owner.toLowerCase()}/${posix.basename(top)}`;
      await keepDirectory({ path: top, keptAt, owner: mark.owner }, host, signal);
    }
  }
}

/** Whether there is anything but the owner's own in those of its directories that are root's: nobody else's can be elsewhere. Spares reading all marks. */
async function holdsOthers(
  mark: Mark,
  top: string,
  { host, signal }: { readonly host: Host; readonly signal: AbortSignal },
): Promise<boolean> {
  const own = new Set(mark.directories.map(({ path }) => path));
  const shared = mark.directories.filter(({ path, uid }) => uid === 0 && isAtOrBelow(path, top));
  for (const { path } of shared) {
    const entries = (await host.readDirectory(absolute(host, path), signal)) ?? [];
    if (entries.some(({ name }) => !own.has(`${path}/${name}`))) return true;
  }
  return false;
}

/** The path on the host of a path of a tree. BugError for what lies in no tree. */
export function absolute(host: Host, path: string): string {
  const isTenants = path === 'tenants' || path.startsWith('tenants/');
  const isKept = path === 'kept' || path.startsWith('kept/');
  if (!isTenants && !isKept) throw new BugError(`"${path}" is no path of a tenant's tree`);
  return `${host.root}/${path}`;
}
