import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, readSync, writeSync } from 'node:fs';
import { HostError } from '#runtime/base/errors.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { onPath, orAbsent } from './file-errors.ts';

const tailBytes = 2_000;
const checkMs = 30_000;
const maxBytes = 16 * 1024 * 1024;
const keepBytes = 1024 * 1024;

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

/** Looks at these logs from time to time until `lifetime` ends, and cuts those that grew too large. */
export function keepLogsBounded(paths: () => readonly string[], log: Logger, lifetime: AbortSignal): void {
  const timer = setInterval(() => {
    for (const path of paths()) {
      try {
        capLog(path, maxBytes, keepBytes);
      } catch (err) {
        log.warn({ err }, 'could not cut a log');
      }
    }
  }, checkMs).unref();
  lifetime.addEventListener('abort', () => clearInterval(timer));
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
