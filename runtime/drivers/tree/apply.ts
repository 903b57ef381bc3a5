import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { RefusedError } from '#runtime/base/errors.ts';
import type { Host } from '#runtime/host/host.ts';
import { isAccountUid } from '#schemas/meta/names.ts';
import { uidMismatch } from './conflict.ts';
import { absolute, keepDirectory, keepWhatIsOthers } from './keep.ts';
import { readMark, writeMark } from './mark.ts';
import type { OwnedDirectory, TreeAction } from './model.ts';
import { isAtOrBelow } from './observe.ts';

/** What the driver acts on. */
export interface TreeWorld {
  readonly host: Host;
}

/** Carries out one action. Each may be repeated after a crash at any point. */
export async function applyTree(action: TreeAction, { host }: TreeWorld, signal: AbortSignal): Promise<void> {
  switch (action.op) {
    case 'make-directory':
      await makeDirectories(action.input.owner, [action.input, ...action.input.inside], host, signal);
      return;
    case 'keep-directory':
      await keepDirectory(action.input, host, signal);
      return;
    case 'bring-back':
      await bringBack(action.input, host, signal);
      return;
    case 'purge-directory':
      await purge(action.input, host, signal);
      return;
  }
}

/** Notes first, so that what a crash leaves half made is known to be ours. RefusedError `UidMismatch` for what carries the number of another tenant. */
async function makeDirectories(
  owner: string,
  wanted: readonly OwnedDirectory[],
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  await refuseOthers(wanted, host, signal);
  const mark = await readMark(host, owner, signal);
  const paths = new Set(wanted.map(({ path }) => path));
  const noted = [
    ...mark.directories.filter(({ path }) => !paths.has(path)),
    ...wanted.map(({ path, mode, uid, gid }) => ({ path, mode, uid, gid })),
  ].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  if (JSON.stringify(noted) !== JSON.stringify(mark.directories)) {
    await writeMark(host, { ...mark, directories: noted }, signal);
  }
  const [top, ...inside] = wanted;
  if (top === undefined) return;
  const isThere = (await host.facts(absolute(host, top.path), signal)) !== undefined;
  if (!isThere && inside.length > 0) await makeWhole(top, inside, host, signal);
  else for (const directory of wanted) await makeOne(directory, host, signal);
}

/** No directory ever passes from one tenant's number to another: what marks do not tell (they may be lost) shows here. */
async function refuseOthers(wanted: readonly OwnedDirectory[], host: Host, signal: AbortSignal): Promise<void> {
  const places = wanted.map(({ path }) => absolute(host, path));
  const facts = await host.factsOf([...places, ...places.map((place) => posix.dirname(place))], signal);
  for (const [index, { path, uid }] of wanted.entries()) {
    const place = places[index] ?? '';
    const found = facts.get(place)?.uid ?? uid;
    const isTenants = (facts.get(posix.dirname(place))?.uid ?? 0) !== 0;
    if (isTenants || found === uid || !isAccountUid(found)) continue;
    const { reason, message } = uidMismatch(`Directory ${path} carries user id ${found} on this host, not ${uid}.`);
    throw new RefusedError(reason, message);
  }
}

/** Finishes a new tree where only root can enter, then puts it in place by one rename. */
async function makeWhole(
  top: OwnedDirectory,
  inside: readonly OwnedDirectory[],
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  const staged = `${host.root}/staging/tree-${createHash('sha256').update(top.path).digest('hex').slice(0, 32)}`;
  await makeParents(top.path, host, signal);
  await host.removeTree(staged, signal);
  await host.makeDirectory(staged, top, signal);
  for (const directory of inside) {
    await host.makeDirectory(`${staged}${directory.path.slice(top.path.length)}`, directory, signal);
  }
  await host.rename(staged, absolute(host, top.path), signal);
}

async function makeOne(directory: OwnedDirectory, host: Host, signal: AbortSignal): Promise<void> {
  const path = absolute(host, directory.path);
  const parent = await host.facts(posix.dirname(path), signal);
  if (parent !== undefined && parent.uid !== 0) {
    await makeAsTenant(path, parent, host, signal);
    return;
  }
  if (parent === undefined) await makeParents(directory.path, host, signal);
  const found = await host.facts(path, signal);
  // In a directory of root's only root can have put something else there: by hand.
  if (found !== undefined && found.type !== 'directory') await host.removeTree(path, signal);
  await host.makeDirectory(path, directory, signal);
}

/** In a directory that a tenant may change root does nothing: the tenant itself makes what is missing there. */
async function makeAsTenant(
  path: string,
  parent: { readonly uid: number; readonly gid: number },
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  if ((await host.facts(path, signal)) !== undefined) return;
  await host.run(['/bin/mkdir', '-p', '--', path], { uid: parent.uid, gid: parent.gid, timeoutMs: 10_000 }, signal);
}

/** Directories above those of any owner (`tenants`): root's, to be passed but not listed. */
async function makeParents(path: string, host: Host, signal: AbortSignal): Promise<void> {
  const parts = posix.dirname(path).split('/');
  for (let length = 1; length <= parts.length; length += 1) {
    const parent = absolute(host, parts.slice(0, length).join('/'));
    if ((await host.facts(parent, signal)) === undefined) {
      await host.makeDirectory(parent, { mode: 0o711, uid: 0, gid: 0 }, signal);
    }
  }
}

async function bringBack(
  input: { readonly path: string; readonly keptAt: string; readonly owner: string },
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  const kept = absolute(host, input.keptAt);
  const place = absolute(host, input.path);
  const isKept = (await host.facts(kept, signal)) !== undefined;
  const isTaken = (await host.facts(place, signal)) !== undefined;
  // Purged meanwhile, or somebody made the directory anew: what is in place counts, what is kept stays kept.
  if (isKept && !isTaken) {
    await makeParents(input.path, host, signal);
    await host.rename(kept, place, signal);
  }
  const mark = await readMark(host, input.owner, signal);
  const { [input.path]: _, ...left } = mark.kept;
  await writeMark(host, { ...mark, kept: left }, signal);
}

async function purge(
  input: { readonly path: string; readonly owner: string },
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  await keepWhatIsOthers(input, host, signal);
  await host.removeTree(absolute(host, input.path), signal);
  const mark = await readMark(host, input.owner, signal);
  const directories = mark.directories.filter(({ path }) => !isAtOrBelow(path, input.path));
  const kept = Object.fromEntries(Object.entries(mark.kept).filter(([, at]) => at !== input.path));
  await writeMark(host, { ...mark, directories, kept }, signal);
}
