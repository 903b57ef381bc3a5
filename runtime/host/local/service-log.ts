import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, readSync, writeSync } from 'node:fs';
import { HostError } from '#runtime/base/errors.ts';
import { onPath, orAbsent } from '#runtime/host/local/file-errors.ts';

const tailBytes = 2_000;

/** Opens a log for append as root, before rights are dropped: never through a link, never a file with a second name. */
export function openLog(path: string): number {
  return onPath(path, () => {
    const flags =
      constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const fd = openSync(path, flags, 0o640);
    const stat = fstatSync(fd);
    if (stat.isFile() && stat.nlink === 1) return fd;
    closeSync(fd);
    throw new HostError(`"${path}" is not a plain log file`, { path });
  });
}

/** The last lines of a log as one line for an error message; empty when there is none. */
export function logTail(path: string | undefined): string {
  if (path === undefined) return '';
  const text = orAbsent(path, () => readTail(path, tailBytes)) ?? '';
  return text.trim().split('\n').slice(-5).join(' · ');
}

/** Cuts a log that grew beyond `maxBytes` down to its last `keepBytes`; writers go on, since they append. Lines written meanwhile may be lost. */
export function capLog(path: string, maxBytes: number, keepBytes: number): void {
  const size = lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= maxBytes) return;
  const tail = readTail(path, keepBytes);
  const fd = openLog(path);
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, tail.slice(tail.indexOf('\n') + 1));
  } finally {
    closeSync(fd);
  }
}

function readTail(path: string, bytes: number): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const size = fstatSync(fd).size;
    const buffer = Buffer.alloc(Math.min(size, bytes));
    const length = readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}
