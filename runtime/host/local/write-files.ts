import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { posix } from 'node:path';
import { promisify } from 'node:util';
import { HostError } from '#runtime/base/errors.ts';
import type { FileOwnership, Ownership } from '#runtime/host/host.ts';
import { asHostError, errorCode, onPath, orAbsent } from './file-errors.ts';
import type { OwnWrites } from './own-writes.ts';
import { checkPath, type Roots } from './safe-path.ts';
import type { Staging } from './staging.ts';

const syncFile = promisify(fsync);
const writeSome = promisify(write);

/** What the writers of one host object share. */
export interface FileScope {
  readonly roots: Roots;
  readonly staging: Staging;
  readonly ownWrites: OwnWrites;
}

/** A file as `replaceFiles` takes it. */
export interface FileToWrite {
  readonly path: string;
  readonly content: string;
  readonly ownership: FileOwnership;
}

/** Finishes the file where only root can enter, then renames it into place. Content is synced where durable, the directory by the caller. */
export async function replaceFile(scope: FileScope, file: FileToWrite): Promise<void> {
  const durable = file.ownership.durable === true;
  checkPath(scope.roots, file.path);
  const beside = scope.staging.pathFor(file.path);
  const fd = onPath(file.path, () => writeBeside(beside, file));
  try {
    if (durable) await syncFile(fd);
  } catch (err) {
    unlinkSync(beside);
    throw asHostError(file.path, err);
  } finally {
    closeSync(fd);
  }
  onPath(file.path, () => renameOrRemove(beside, file.path));
  scope.ownWrites.record(file.path);
}

/** As `replaceFile`, durable with its name, while the content comes. */
export async function replaceFileWith(
  scope: FileScope,
  { path, content }: { readonly path: string; readonly content: AsyncIterable<Buffer> },
  ownership: Ownership,
  signal: AbortSignal,
): Promise<void> {
  checkPath(scope.roots, path);
  const beside = scope.staging.pathFor(path);
  try {
    const fd = onPath(path, () => createBeside(beside));
    try {
      for await (const chunk of content) {
        signal.throwIfAborted();
        await writeWhole(fd, chunk).catch((err: unknown) => failOn(path, err));
      }
      onPath(path, () => (fchownSync(fd, ownership.uid, ownership.gid), fchmodSync(fd, ownership.mode)));
      await syncFile(fd).catch((err: unknown) => failOn(path, err));
    } finally {
      closeSync(fd);
    }
    onPath(path, () => renameSync(beside, path));
  } catch (err) {
    orAbsent(beside, () => unlinkSync(beside));
    throw err;
  }
  scope.ownWrites.record(path);
  await syncDirectory(posix.dirname(path));
}

async function writeWhole(fd: number, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length;) written += (await writeSome(fd, bytes, written)).bytesWritten;
}

function failOn(path: string, err: unknown): never {
  throw asHostError(path, err);
}

function renameOrRemove(beside: string, path: string): void {
  try {
    renameSync(beside, path);
  } catch (err) {
    unlinkSync(beside);
    throw err;
  }
}

/** Makes entries of a directory survive a power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await syncFile(fd);
  } finally {
    closeSync(fd);
  }
}

function createBeside(beside: string): number {
  return openSync(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
}

function writeBeside(beside: string, file: FileToWrite): number {
  const fd = createBeside(beside);
  try {
    const bytes = Buffer.from(file.content, 'utf8');
    for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
    fchownSync(fd, file.ownership.uid, file.ownership.gid);
    fchmodSync(fd, file.ownership.mode);
    return fd;
  } catch (err) {
    closeSync(fd);
    unlinkSync(beside);
    throw err;
  }
}

/** Makes a directory or corrects its owner and mode; HostError when something else has the name. */
export function makeDirectory(scope: FileScope, path: string, ownership: Ownership): void {
  checkPath(scope.roots, path);
  onPath(path, () => {
    try {
      mkdirSync(path, 0o700);
    } catch (err) {
      if (errorCode(err) !== 'EEXIST') throw err;
    }
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      correctOwnership(fd, ownership);
    } finally {
      closeSync(fd);
    }
  });
  scope.ownWrites.record(path);
}

function correctOwnership(fd: number, ownership: Ownership): void {
  const stat = fstatSync(fd);
  if (stat.uid !== ownership.uid || stat.gid !== ownership.gid) fchownSync(fd, ownership.uid, ownership.gid);
  if ((fstatSync(fd).mode & 0o7777) !== ownership.mode) fchmodSync(fd, ownership.mode);
}

/** Removes a file, socket or link; nothing when absent. */
export function removeFile(scope: FileScope, path: string): void {
  checkPath(scope.roots, path);
  orAbsent(path, () => unlinkSync(path));
  scope.ownWrites.record(path);
}

/** Renames without replacing: `to` present is a HostError unless `from` is gone, which means done before. */
export function renameEntry(scope: FileScope, from: string, to: string): void {
  checkPath(scope.roots, from);
  checkPath(scope.roots, to);
  const isThere = (path: string): boolean =>
    onPath(path, () => lstatSync(path, { throwIfNoEntry: false })) !== undefined;
  if (isThere(to)) {
    if (isThere(from)) throw new HostError(`"${to}" is there already`, { path: to });
    return;
  }
  onPath(from, () => renameSync(from, to));
  scope.ownWrites.record(from);
  scope.ownWrites.record(to);
}

/**
 * Gives a tenant's socket a second name. The hard link is made where only root can enter and checked there, so that a tenant who swaps
 * the file meanwhile can publish nothing but another socket of its own.
 */
export function publishSocket(
  scope: FileScope,
  names: { readonly from: string; readonly to: string },
  uid: number,
): void {
  checkPath(scope.roots, names.from);
  checkPath(scope.roots, names.to);
  const beside = scope.staging.pathFor(names.to);
  onPath(names.from, () => linkSync(names.from, beside));
  try {
    const stat = lstatSync(beside);
    if (!stat.isSocket() || stat.uid !== uid) {
      throw new HostError(`"${names.from}" is not a socket of uid ${uid}`, { path: names.from });
    }
    onPath(names.to, () => renameSync(beside, names.to));
  } finally {
    // rename(2) leaves both names when they are the same file already.
    orAbsent(beside, () => unlinkSync(beside));
  }
  scope.ownWrites.record(names.to);
}
