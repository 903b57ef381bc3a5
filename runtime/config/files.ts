import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HostError } from '#runtime/base/errors.ts';

/** Whose a file is. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface FileRights {
  /** Such as 0o600. */
  readonly mode: number;
  /** The process's own when absent. Giving files away needs root. */
  readonly owner?: Owner;
}

/** The text of a file; `undefined` when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (err) {
    if (isCode(err, 'ENOENT')) return undefined;
    throw new HostError('a file of the configuration cannot be read', { path }, { cause: err });
  }
}

/**
 * Puts `text` at `path`: written beside with its final rights, synced, renamed, so that a reader or a crash sees the old file or the new one.
 * Assumes a directory that only its owner and root can change. Writes nothing when the file is as wanted.
 */
export async function placeFile(path: string, text: string, rights: FileRights): Promise<void> {
  if ((await readText(path)) === text) return applyRights(path, rights);
  const beside = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await fill(file, text, rights);
    } finally {
      await file.close();
    }
    await rename(beside, path);
    await syncDirectory(dirname(path));
  } catch (err) {
    await rm(beside, { force: true });
    throw new HostError('a file of the configuration cannot be written', { path }, { cause: err });
  }
}

/** Makes a directory and those above it; rights are applied to the last one. */
export async function makeDirectory(path: string, rights: FileRights): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
  await applyRights(path, rights);
}

/** Corrects mode and owner where they differ. */
async function applyRights(path: string, rights: FileRights): Promise<void> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) throw new HostError('a symbolic link stands where a file is wanted', { path });
  if ((found.mode & 0o7777) !== rights.mode) await chmod(path, rights.mode);
  const { owner } = rights;
  if (owner !== undefined && (found.uid !== owner.uid || found.gid !== owner.gid))
    await chown(path, owner.uid, owner.gid);
}

async function fill(file: FileHandle, text: string, rights: FileRights): Promise<void> {
  await file.writeFile(text);
  if (rights.owner !== undefined) await file.chown(rights.owner.uid, rights.owner.gid);
  await file.chmod(rights.mode);
  await file.sync();
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function isCode(err: unknown, code: string): boolean {
  return err instanceof Error && 'code' in err && err.code === code;
}
