import { chmodSync, copyFileSync, linkSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The Node that runs us, at a path that every user may execute: the checkout may lie below a closed home directory. */
export function publicNode(): string {
  const { size, mtimeMs } = statSync(process.execPath);
  const directory = join(tmpdir(), `wcp360-node-${size}-${Math.floor(mtimeMs)}`);
  const path = join(directory, 'node');
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o755);
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return path;
  const beside = `${path}.${process.pid}`;
  try {
    linkSync(process.execPath, beside);
  } catch {
    copyFileSync(process.execPath, beside);
  }
  renameSync(beside, path);
  return path;
}
